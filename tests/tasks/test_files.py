import json
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.errors import UserError
from mfast_edge.tasks.files import load, save, write
from tests.metrics.scenes import A, B, crowd, found


def test_detections_come_back_exactly(tmp_path: Path):
    _, shown = crowd(0)
    shown = [found(), *shown, found()]
    save(tmp_path / "val.npy", shown)
    back = load(tmp_path / "val.npy")
    assert len(back) == len(shown)
    for one, other in zip(shown, back, strict=True):
        for given, read in zip(one, other, strict=True):
            assert given.dtype == read.dtype
            np.testing.assert_array_equal(given, read)


def test_a_detection_costs_24_bytes(tmp_path: Path):
    for name, count in (("one", 1), ("many", 1001)):
        save(tmp_path / name, [found(*[(A, 0, 0.5)] * count)])
    assert (tmp_path / "many").stat().st_size - (tmp_path / "one").stat().st_size == pytest.approx(24_000, abs=64)


@pytest.mark.parametrize("shown", [[], [found()], [found(), found()]])
def test_no_detections_come_back_as_none(tmp_path: Path, shown):
    save(tmp_path / "val.npy", shown)
    assert [len(one.scores) for one in load(tmp_path / "val.npy")] == [0] * len(shown)


@pytest.mark.parametrize("left", [0, 5, 130, 200, -1])
def test_a_file_cut_short_is_said_to_be(tmp_path: Path, left: int):
    path = tmp_path / "val.npy"
    save(path, [found((A, 0, 0.5), (B, 1, 0.25))])
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(UserError, match=r"val\.npy: not detections"):
        load(path)


def test_another_file_is_refused(tmp_path: Path):
    with (tmp_path / "other.npy").open("wb") as file:
        np.save(file, np.zeros(3))
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match=r"other\.npy: not detections"):
        load(tmp_path / "other.npy")


def test_the_users_json_is_laid_out_as_coco(tmp_path: Path):
    path = tmp_path / "found.json"
    write(path, ["a.jpg", "ü.jpg"], [found(), found((A, 0, 0.5), (B, 1, 0.25))], ["disc", "star"])
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["images"] == [{"id": 0, "file_name": "a.jpg"}, {"id": 1, "file_name": "ü.jpg"}]
    assert data["categories"] == [{"id": 0, "name": "disc"}, {"id": 1, "name": "star"}]
    last = {
        "id": 2,
        "image_id": 1,
        "category_id": 1,
        "category": "star",
        "bbox": [30, 10, 20, 30],
        "score": 0.25,
    }
    assert data["annotations"][1] == last
    assert len(data["annotations"]) == 2
