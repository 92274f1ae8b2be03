"""A classifier through the front door and out of the others: class folders in, a judged graph out."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.board.old import found as old_python
from tests.class_folders import SHAPES, draw
from tests.doors.doors import door, refused

WORDS = ("--model", "tiny_net", "--plan", "tiny", "--device", "cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one tiny run on drawn class folders."""
    home = tmp_path_factory.mktemp("classified")
    data = draw(home / "shapes", 14)
    done = door("compress", *WORDS, "--data", f"folders:{data}", "--out", home / "runs", "--set", "train.images=400")
    assert done.returncode in (0, 1), done.stderr
    (home / "told.txt").write_text(done.stdout)
    return home


def run(home: Path) -> Path:
    return home / "runs" / "tiny_net-shapes-x86"


def final(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((run(home) / "final.json").read_text())
    return told


def test_the_run_is_judged_on_macro_f1_and_says_so(made: Path) -> None:
    text, told = (made / "told.txt").read_text(), final(made)
    assert "bar       10    2     2   14" in text
    assert "Macro F1" in text
    assert "mAP" not in text
    assert told["task"] == "classify"
    assert [row["stage"] for row in told["rows"]] == ["train", "prune", "export_onnx", "quantize"]
    test, base = told["metrics"]["test"], told["float"]["test"]
    assert told["loss"]["points"] == pytest.approx(100 * (base["f1"] - test["f1"]))
    assert {"f1", "top1", "top5"} <= told["rows"][0].keys()
    assert sum(sum(row.values()) for row in test["confusion"].values()) == test["images"] == 6
    assert "parity of the export" in {gate["name"] for gate in told["gates"]}


def test_the_report_shows_classes_and_no_boxes(made: Path) -> None:
    page, text = (run(made) / "report.html").read_text(), (run(made) / "report.md").read_text()
    for word in ("Macro F1", "Top-5", "Photos of test by class and by what was said", "| bar | 10 | 2 | 2 | 14 |"):
        assert word in text
    assert "0 boxes" not in page
    assert "mAP@" not in page + text
    before = text
    assert door("report", run(made)).returncode == 0
    assert (run(made) / "report.md").read_text() == before


def test_evaluate_prints_the_same_figures_again(made: Path) -> None:
    done = door("evaluate", run(made), "--json", "--metrics", "all")
    told = json.loads(done.stdout)
    assert told["quality"] == final(made)["metrics"]["test"]
    assert told["metrics"]["confusion"]["classes"] == list(SHAPES)
    assert "Top-1 " in door("evaluate", run(made), "--split", "val").stdout
    assert "confusion, calibration, intervals or all" in refused("evaluate", run(made), "--metrics", "coco")


def test_predict_labels_photos_and_writes_the_competition_s_file(made: Path, tmp_path: Path) -> None:
    done = door("predict", run(made), made / "shapes" / "disc", "--out", tmp_path)
    assert len(done.stdout.splitlines()) == 15
    told = json.loads((tmp_path / "submission.json").read_text())
    assert told.keys() == {"inference", "time", "macs"}
    assert told["time"].keys() == {"profile", "runtime", "inference"}
    with (tmp_path / "classes.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["ImageID"]: row["LabelName"] for row in rows} == told["inference"]
    assert all(sum(float(row[name]) for name in SHAPES) == pytest.approx(1, abs=1e-4) for row in rows)
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["submission.json"]
    doubted = door("predict", run(made), made / "shapes" / "disc" / "0.png", "--score", 1.0, "--out", tmp_path)
    assert "0.png: nothing  " in doubted.stdout
    ids = ("--ids", made / "shapes")
    assert "a classifier writes no boxes" in refused("predict", run(made), made / "shapes" / "disc", *ids)


@pytest.mark.parametrize("python", [sys.executable, old_python() or "3.6"])
def test_the_bundle_checks_itself_and_says_classes(made: Path, tmp_path: Path, python: str) -> None:
    if python == "3.6":
        pytest.skip("no Python 3.6 with numpy and onnxruntime here: make py36")
    bundle = run(made) / "bundle"
    guide = (bundle / "README.md").read_text()
    assert guide.startswith("# tiny_net for x86 CPU")
    assert "the whole classifier" in guide
    command = [python, str(bundle / "run.py")]
    checked = subprocess.run([*command, "check", "--out", str(tmp_path)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    photo = made / "shapes" / "disc" / "0.png"
    said = subprocess.run([*command, "detect", str(photo), "--out", str(tmp_path)], capture_output=True, text=True)
    (one,) = json.loads((tmp_path / "found.json").read_text())
    assert one.keys() == {"photo", "label", "score"}
    assert f"{photo}: {one['label']} {one['score']:.2f}  " in said.stdout


def test_data_that_do_not_suit_the_model_are_refused(made: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path, "--dry-run")
    folders = f"folders:{made / 'shapes'}"
    assert "no photo with a class of its own" in refused("compress", *WORDS, *out, "--data", "particles:8x64")
    assert "not one box" in refused("compress", "--model", "tiny", "--plan", "tiny", *out, "--data", folders)
    dry = door("compress", *WORDS, *out, "--data", folders, "--set", "split.by=[class]", "--set", "split.folds=7")
    assert "4 train  5 train  6 test  7 val  all" in dry.stdout
    assert "bar       10    2     2   14" in dry.stdout
    shutil.copytree(made / "shapes", tmp_path / "torn")
    (tmp_path / "torn" / "disc" / "3.png").write_bytes(b"no photo")
    torn = door("compress", *WORDS, *out, "--data", f"folders:{tmp_path}/torn").stdout
    assert "disc/3.png: not an image; photo left out" in torn
    split = door("split", folders, "--set", "split.folds=7", "--by", "class", "--out", tmp_path).stdout
    assert "4 train  5 train  6 test  7 val  all" in split
    assert "bar       10    2     2   14" in split


def test_a_graph_that_finds_no_boxes_gets_no_suppression(made: Path, tmp_path: Path) -> None:
    told = refused("suppress", run(made), "--out", tmp_path / "s.onnx")
    assert "classifier says one class of a photo and suppresses nothing" in told


def test_an_autopsy_counts_in_points_of_macro_f1(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "autopsy.json"
    done = door("autopsy", run(made), "--photos", 8, "--rounds", 5, "--most", 1, "--out", file)
    assert done.returncode == 0, done.stderr
    told = json.loads(file.read_text())
    assert [one["key"] for one in told["fine"]] == ["f1", "top1"]
    assert told["int8"]["score_error"] > 0 == told["float"]["score_error"]
    assert told["int8"]["box_error"] == 0
    assert "| block in float | Macro F1 | Top-1 | by logits |" in done.stdout
