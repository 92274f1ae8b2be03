"""Drawing what a run's final file finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from mfast_edge.predict import titles
from tests.doors.doors import door, folder, refused, without_torch


def photo(path: Path, side: int = 96) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_a_graph_is_run_without_torch_and_every_photo_drawn(finished: Path, tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    photo(shots / "a.png"), photo(shots / "b.jpg", 60)
    out = tmp_path / "out"
    told = without_torch("predict", folder(finished), shots, photo(tmp_path / "a.png"), "--out", out, "--score", 0)
    assert sorted(path.name for path in out.iterdir()) == ["a-2.jpg", "a.jpg", "b.jpg", "detections.json"]
    lines = told.splitlines()
    assert len(lines) == 4
    assert all(line.endswith(" ms") for line in lines[:3])
    with Image.open(out / "b.jpg") as drawn:
        assert min(drawn.size) >= 320  # enlarged, so that labels can be read
    data = json.loads((out / "detections.json").read_text())
    assert [image["file_name"] for image in data["images"]] == ["a.jpg", "b.jpg", "a-2.jpg"]
    assert [one["name"] for one in data["categories"]] == ["disc", "block", "wedge"]


def test_a_higher_score_leaves_fewer_detections(finished: Path, tmp_path: Path) -> None:
    counts = []
    for score in (0, 1.01):
        out = tmp_path / f"{score}"
        door("predict", folder(finished), photo(tmp_path / "p.png"), "--out", out, "--score", score)
        counts.append(len(json.loads((out / "detections.json").read_text())["annotations"]))
    assert counts[0] >= counts[1] == 0


def test_a_torch_candidate_of_the_store_is_run_by_torch(finished: Path, tmp_path: Path) -> None:
    trained = json.loads((folder(finished) / "final.json").read_text())["rows"][0]["key"]
    done = door("predict", finished / "store" / trained, photo(tmp_path / "p.png"), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "p.jpg").is_file()


def test_what_cannot_be_drawn_is_refused(finished: Path, tmp_path: Path) -> None:
    run, shot = folder(finished), photo(tmp_path / "p.png")
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "none").mkdir()
    out = ("--out", tmp_path / "out")
    assert "no such folder" in refused("predict", tmp_path / "nowhere", shot, *out)
    assert "neither a run nor a stored candidate" in refused("predict", tmp_path, shot, *out)
    assert "is not there" in refused("predict", run, tmp_path / "gone.png", *out)
    assert "not an image" in refused("predict", run, tmp_path / "text.jpg", *out)
    assert "holds no photos" in refused("predict", run, tmp_path / "none", *out)
    assert "torch cannot run model.onnx" in refused("predict", run, shot, *out, "--runtime", "torch")
    assert "no such runtime" in refused("predict", run, shot, *out, "--runtime", "abacus")


def test_one_broken_photo_is_named_and_the_others_are_drawn(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a photo")
    shots = (tmp_path / "text.jpg", photo(tmp_path / "p.png"))
    assert "text.jpg: not an image" in refused("predict", folder(finished), *shots, "--out", tmp_path / "out")
    data = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [image["file_name"] for image in data["images"]] == ["p.jpg"]
    assert (tmp_path / "out" / "p.jpg").is_file()


def test_photos_of_one_name_from_two_folders_do_not_overwrite_each_other() -> None:
    assert titles([Path("a/x.png"), Path("b/x.jpg"), Path("b/y.jpg")]) == ["x.jpg", "x-2.jpg", "y.jpg"]
