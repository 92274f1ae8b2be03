"""Files that others score: layouts, clamping, ids, seconds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from mfast_edge.errors import UserError
from mfast_edge.tasks import results
from mfast_edge.tasks.files import write
from mfast_edge.tasks.results import Clocked, Found, Ids, placed
from tests.metrics.scenes import A, B, found

NAMES = ["cow", "pig"]
OUT = [-5.0, 20.0, 130.0, 90.0]  # beyond a photo of 80 x 100 on three sides


@pytest.fixture
def every() -> list[Found]:
    return [
        Found("a.jpg", (80, 100), found((A, 1, 0.9), (OUT, 0, 0.25)), 0.004),
        Found("b, ü.jpg", (80, 100), found(), 0.002),
        Found("c.jpg", (40, 60), found((B, 0, 0.125)), 0.003),
    ]


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def test_the_pixel_layout_holds_everything_clamped_with_xmax_before_ymin(tmp_path: Path, every: list[Found]) -> None:
    results.pixels(tmp_path / "p.csv", every, NAMES)
    assert rows(tmp_path / "p.csv") == [
        ["ImageID", "LabelName", "Conf", "XMin", "XMax", "YMin", "YMax"],
        ["a.jpg", "pig", "0.90000", "0.00", "20.00", "10.00", "40.00"],
        ["a.jpg", "cow", "0.25000", "0.00", "100.00", "20.00", "80.00"],
        ["c.jpg", "cow", "0.12500", "30.00", "50.00", "10.00", "40.00"],
    ]


def test_the_normalised_layout_has_no_score_and_only_what_is_sure(tmp_path: Path, every: list[Found]) -> None:
    results.normalised(tmp_path / "n.csv", every, NAMES, 0.25)
    assert rows(tmp_path / "n.csv") == [
        ["ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"],
        ["a.jpg", "pig", "0.000000", "0.200000", "0.125000", "0.500000"],
        ["a.jpg", "cow", "0.000000", "1.000000", "0.250000", "1.000000"],
    ]


def test_a_name_with_a_comma_stays_one_column(tmp_path: Path, every: list[Found]) -> None:
    results.pixels(tmp_path / "p.csv", [Found("b, ü.jpg", (80, 100), found((A, 0, 0.5)), 0.0)], NAMES)
    assert rows(tmp_path / "p.csv")[1][0] == "b, ü.jpg"


def test_coco_results_are_read_by_the_reference_with_the_ids_that_detections_json_states(
    tmp_path: Path, every: list[Found]
) -> None:
    write(tmp_path / "detections.json", [one.name for one in every], [one.detections for one in every], NAMES)
    results.coco(tmp_path / "coco.json", every, results.plain(every, NAMES))
    truth = COCO()
    truth.dataset = json.loads((tmp_path / "detections.json").read_text())
    truth.createIndex()
    read = truth.loadRes(str(tmp_path / "coco.json"))
    assert [(one["image_id"], one["category_id"], one["bbox"], one["score"]) for one in read.anns.values()] == [
        (0, 1, [0, 10, 20, 30], 0.9),
        (0, 0, [0, 20, 100, 60], 0.25),
        (2, 0, [30, 10, 20, 30], 0.125),
    ]


def test_given_ids_are_used_and_a_class_without_one_is_left_out(tmp_path: Path, every: list[Found]) -> None:
    results.coco(tmp_path / "coco.json", every, Ids({"a.jpg": 139, "b, ü.jpg": 7, "c.jpg": 42}, (21, None)))
    told = json.loads((tmp_path / "coco.json").read_text())
    assert [(one["image_id"], one["category_id"]) for one in told] == [(139, 21), (42, 21)]


def test_a_photo_is_found_by_its_name_and_by_its_folders_where_names_are_alike() -> None:
    images = {"one/a.jpg": 1, "two/a.jpg": 2, "b.jpg": 3}
    where = Path("x.json")
    assert placed(Path("anywhere/b.jpg"), images, where) == 3
    assert placed(Path("photos/two/a.jpg"), images, where) == 2
    with pytest.raises(UserError, match=r"x\.json names 2 photos a\.jpg"):
        placed(Path("three/a.jpg"), images, where)
    with pytest.raises(UserError, match=r"x\.json does not name c\.jpg"):
        placed(Path("c.jpg"), images, where)


def test_the_competition_s_json_holds_what_was_measured(tmp_path: Path, every: list[Found]) -> None:
    results.competition(tmp_path / "s.json", every, NAMES, Clocked(0.011, 0.0, 2.5), 123_456)
    told = json.loads((tmp_path / "s.json").read_text())
    assert set(told) == {"inference", "time", "macs"}
    assert told["inference"] == {"a.jpg": "pig", "b, ü.jpg": None, "c.jpg": "cow"}
    assert told["time"]["profile"] == {"cuda": 0.0, "cpu": 0.011}
    assert told["time"]["runtime"] == {"all": 2.5, "inference_only": pytest.approx(0.009)}
    assert told["time"]["inference"] == {"a.jpg": 0.004, "b, ü.jpg": 0.002, "c.jpg": 0.003}
    assert told["macs"] == 123_456


def test_the_surest_detection_names_the_photo_wherever_it_stands() -> None:
    both = found((A, 0, 0.25), (B, 1, 0.75))
    assert results.surest(both, NAMES) == "pig"
    assert np.argmax(both.scores) == 1
