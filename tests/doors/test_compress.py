"""The front door: a whole run, its repetition, its refusals, its exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export.lint import lint, load_rules, summary
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.run import run
from tests.conftest import asked
from tests.data import draw

DOOR = [sys.executable, "-m", "mfast_edge.compress"]
TINY = ["--model", "tiny", "--plan", "tiny", "--device", "cpu"]


def final(runs: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads(next(runs.glob("*/final.json")).read_text())
    return told


def door(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DOOR, *words], capture_output=True, text=True, timeout=300)


def test_a_run_leaves_files_proof_and_bundle(finished: Path) -> None:
    folder = next(finished.glob("tiny-*"))
    told = final(finished)
    assert Path(str(told["file"])).is_file()
    assert [row["stage"] for row in told["rows"]] == ["train", "prune", "export_onnx", "quantize"]  # type: ignore[attr-defined]
    assert {"report.md", "report.html", "journal.jsonl", "plan.json", "data.json", "verdicts", "results", "bundle"} <= {
        path.name for path in folder.iterdir()
    }
    manifest = json.loads((folder / "bundle" / "manifest.json").read_text())
    assert (folder / "bundle" / manifest["file"]).is_file()


def test_the_float_network_scores_one_by_construction(finished: Path) -> None:
    told = final(finished)
    rows = next(json.loads(file.read_text()) for file in finished.glob("*/results/*.json"))["rows"]
    trained = [row["score"] for row in rows if row["name"].endswith("train")]
    assert trained
    assert all(score == pytest.approx(1.0) for score in trained)
    assert told["proxy"] is False


def test_the_same_command_again_does_nothing_and_needs_no_torch(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.glob("store/*/*")}
    code = (
        "import sys; from tests.conftest import asked; from mfast_edge.run import run; from pathlib import Path; "
        f"run(asked(Path({str(finished)!r}))); assert not {{'torch', 'onnxruntime', 'openvino'}} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("in the store") == 4
    assert before == {path: path.stat().st_mtime_ns for path in finished.glob("store/*/*")}


def test_another_target_shares_the_training_and_marks_its_speed_as_proxy(finished: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(finished, runs)
    assert run(asked(runs, target="jetson", json=True)) in (0, 1)
    journal = (next(runs.glob("*jetson")) / "journal.jsonl").read_text().splitlines()
    assert json.loads(journal[0])["seconds"] is None  # the training was found
    told = json.loads((next(runs.glob("*jetson")) / "final.json").read_text())
    assert told["proxy"] is True
    assert all("proxy" in row["verdict"] for row in told["rows"] if row["stage"] == "prune")
    assert next(gate for gate in told["gates"] if "tensorrt" in gate["name"])["passed"]
    assert "proxy" in (next(runs.glob("*jetson")) / "report.md").read_text()


def test_a_board_with_int8_keeps_the_symmetric_graph_and_times_the_float_one_by_proxy(
    finished: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(finished, runs)
    assert run(asked(runs, target="jetson_orin_nano", json=True)) == 0
    told = json.loads((next(runs.glob("*jetson_orin_nano")) / "final.json").read_text())
    rows = {row["stage"]: row for row in told["rows"]}
    assert (told["proxy"], told["kept"][-1]) == (True, "quantize")
    assert rows["quantize"]["verdict"].endswith("how fast it is the board must say")
    assert "judged as int8" in rows["prune"]["verdict"]
    assert rows["quantize"]["forward_ms"] == rows["export_onnx"]["forward_ms"] == told["ms"]
    assert '"precision": "int8"' not in next(runs.glob("*orin_nano/results/*.json")).read_text()
    assert next(gate for gate in told["gates"] if gate["name"] == "operators outside tensorrt-10.3")["passed"]
    assert lint(Path(told["file"]), load_rules("tensorrt-8.2")) == []  # symmetric, every zero point 0
    assert summary(Path(told["file"])).qdq > 0


def test_json_prints_one_object_and_dry_run_does_nothing(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(asked(finished, json=True))
    told = json.loads(capsys.readouterr().out)
    names = "model data target key form file mb metrics ms score gates kept rolled_back"
    assert set(names.split()) <= told.keys()
    assert run(asked(finished, dry_run=True)) == 0
    assert "to do" not in capsys.readouterr().out  # whatever was rolled back
    assert run(asked(finished, dry_run=True, set=("seed=5",))) == 0
    assert "to do" in capsys.readouterr().out
    assert not list(finished.glob("work/*/files"))


def test_a_class_map_is_asked_for_at_the_door_and_names_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = f"voc:{draw.voc(tmp_path / 'pets')}+yolo:{draw.yolo(tmp_path / 'more')}"
    seen: list[tuple[tuple[str, ...], str]] = []
    show = "mfast_edge.run.preview"
    monkeypatch.setattr(show, lambda _plan, shop, folder, _terminal: seen.append((shop.build.classes, folder.name)))
    run(asked(tmp_path / "runs", data=spec, classes="animal=cat+dog", dry_run=True))
    assert seen == [(("animal",), "tiny-pets+more-animal-x86")]
    with pytest.raises(UserError, match="nothing becomes boat"):
        run(asked(tmp_path / "runs", data=spec, classes="boat", dry_run=True))


def test_until_ends_after_that_stage(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(asked(finished, until="prune", name="short")) in (0, 1)
    told = json.loads((finished / "short" / "final.json").read_text())
    assert [row["stage"] for row in told["rows"]] == ["train", "prune"]


def test_stages_learn_from_the_float_network_and_the_judge_weighs_what_was_learnt(
    finished: Path, tmp_path: Path
) -> None:
    runs, plan = tmp_path / "runs", tmp_path / "taught.yaml"
    shutil.copytree(finished, runs)
    plan.write_text(
        "data: particles:60x96\nbudget: 100.0\nstages:\n  - train: {images: 800, batch: 8, lr: 3.0e-3}\n"
        "  - prune: {keep: 0.4, images: 96, batch: 8, batches: 2, round_to: 4, teacher: float, features: 1.0}\n"
        "  - distill: {images: 96, batch: 8}\n  - export_onnx: {}\n"
        "timing: {rounds: 5, seconds: 0.02, warmup: 1}\n"
    )
    assert run(asked(runs, plan=str(plan), name="taught", dry_run=True)) == 0
    assert run(asked(runs, plan=str(plan), name="taught", until="distill")) in (0, 1)
    trained, pruned, distilled = map(json.loads, (runs / "taught" / "journal.jsonl").read_text().splitlines())
    assert trained["seconds"] is None  # as the finished run made it
    for row in (pruned, distilled):
        card = json.loads((runs / "store" / row["key"] / "card.json").read_text())
        assert card["lineage"][-1]["reads"]["teacher"] == trained["key"]
    verdicts = [json.loads(file.read_text()) for file in (runs / "taught" / "verdicts").glob(f"*{distilled['key']}*")]
    assert [verdict["keep"] for verdict in verdicts] == [distilled["keep"]]
    assert "the same network" in verdicts[0]["sentence"]


@pytest.mark.slow
def test_a_search_tries_settings_and_takes_the_best(finished: Path) -> None:
    assert run(asked(finished, search=2, name="searched")) in (0, 1)
    trials = list((finished / "searched" / "trials").glob("*.json"))
    assert trials
    ratios = [json.loads(path.read_text())["ratio"] for path in trials]
    told = json.loads((finished / "searched" / "final.json").read_text())
    kept = {path.name.split("-")[1] for path in trials if json.loads(path.read_text())["ratio"] == min(ratios)}
    assert told["key"] in kept


@pytest.mark.slow
def test_a_search_for_a_target_without_int8_varies_what_is_left(finished: Path) -> None:
    assert run(asked(finished, search=1, target="jetson", name="searched-jetson")) in (0, 1)
    told = json.loads((finished / "searched-jetson" / "final.json").read_text())
    assert [row["stage"] for row in told["rows"]] == ["train", "prune", "export_onnx"]


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """The show itself, with two kills, as far as networks are trained."""
    words = ["--kills", "2", "--out", str(tmp_path / "k"), "--", *TINY, "--until", "prune"]
    done = subprocess.run([sys.executable, "-m", "tests.shows.kills", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "killed 2 times" in done.stdout


BAD = {
    "model": (["--model", "ssd_mbv9"], f"'ssd_mbv9' is not a model; known: {', '.join(sorted(MODELS))}"),
    "target": (["--target", "toaster"], "'toaster' is not known; known: arm_cpu, jetson, jetson_agx_orin"),
    "plan": (["--plan", "slow"], "'slow' is not known; known: classify, demo, full, graph, heavy, quick"),
    "format": (["--data", "tfrecord:x"], "tfrecord"),
    "data": (["--data", "voc:/nowhere"], "/nowhere"),
    "setting": (["--set", "prune.kep=1"], "no setting 'kep'"),
    "stage": (["--until", "bake"], "'bake' is not a stage"),
    "value": (["--set", "prune.keep=[1"], "is not a value"),
    "seed": (["--set", "seed=-1"], "seed"),
    "rate": (["--set", "train.lr=-1"], "train.lr"),
    "weights": (["--init", "/nowhere.safetensors"], "/nowhere.safetensors is not there"),
    "size": (["--set", "model.size=80"], "model.size"),
    "anchors": (
        ["--model", "centernet", "--plan", "full", "--set", "refit.anchors=6"],
        "refit.anchors: 6 given and centernet has no anchors; matched would be right",
    ),
    "policy": (
        ["--set", "train.policy=randaugment"],
        "train.policy: randaugment given, which is not for models that detect; ssd would be right",
    ),
    "optimiser": (["--set", "train.optimiser=adams"], "train.optimiser: 'adams' given; input should be 'adamw', "),
    "no teacher": (["--set", "prune.features=1"], "prune.features: 1 given; a teacher beside it would be right"),
    "teacher": (
        ["--set", "prune.teacher=0123456789abcdef0123"],
        "prune.teacher: 0123456789abcdef0123 given; the",
    ),
    "too early": (["--set", "train.teacher=float"], "teacher: float given and nothing was trained before"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_clear_sentence(what: str, tmp_path: Path) -> None:
    words, expected = BAD[what]
    given = dict(zip([word.lstrip("-") for word in words[::2]], words[1::2], strict=True))
    given = {
        name: (value,) if name == "set" else Path(value) if name == "init" else value for name, value in given.items()
    }
    with pytest.raises(UserError) as wrong:
        run(asked(tmp_path / "runs", **given))
    assert expected in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_the_user_s_mistake_exits_with_2_and_no_traceback(tmp_path: Path) -> None:
    done = door("--model", "nothing", "--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("mfast-edge: --model")


def test_an_unknown_option_exits_with_2(tmp_path: Path) -> None:
    assert door("--modell", "tiny").returncode == 2


def test_a_truncated_weights_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cut.safetensors"
    file.write_bytes(b'\x10\x00\x00\x00\x00\x00\x00\x00{"a":')
    with pytest.raises(UserError, match="cut short"):
        run(asked(tmp_path / "runs", init=file))


def test_weights_that_do_not_fit_are_refused_before_any_epoch(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    file = tmp_path / "other.safetensors"
    save_file({"backbone.conv0.conv.weight": torch.zeros(8, 3, 5, 5)}, file)
    with pytest.raises(UserError, match="does not fit this network"):
        run(asked(tmp_path / "runs", init=file))


def test_a_store_that_cannot_be_written_exits_with_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = door(*TINY, "--out", str(tmp_path / "file" / "runs"))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "--out PATH" in done.stderr


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    images, labels = tmp_path / "set" / "images", tmp_path / "set" / "labels"
    images.mkdir(parents=True)
    labels.mkdir()
    from PIL import Image

    Image.new("RGB", (64, 64)).save(images / "one.png")
    (labels / "one.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "set" / "classes.txt").write_text("thing\n")
    with pytest.raises(UserError, match="no readable photos for val, test"):
        run(asked(tmp_path / "runs", data=f"yolo:{tmp_path / 'set'}"))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupted_run_exits_with_130(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [*DOOR, *TINY, "--out", str(tmp_path / "r")],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    while started.poll() is None and not list(tmp_path.glob("r/work/*/state/last.safetensors")):
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    assert "Traceback" not in started.communicate(timeout=60)[1]
    assert started.returncode == 130


def test_one_photo_to_train_on_is_refused(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "set", train=["p0"], val=["p1"], test=["p2"])
    with pytest.raises(UserError, match="one photo to train on"):
        run(asked(tmp_path / "runs", data=f"voc:{root}"))


def test_a_size_that_the_model_cannot_have_is_refused_before_any_work(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("data: particles:60x96\nstages: [train, {refit: {size: 64}}, export_onnx]\n")
    with pytest.raises(UserError, match=r"refit\.size: 64 given; .*96"):
        run(asked(tmp_path, plan=str(mine)))
    assert not (tmp_path / "store").exists()
