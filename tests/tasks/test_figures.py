"""Every figure that can be asked for: plain values, and lines that say them."""

import json

import pytest

from mfast_edge.data.sample import ANY
from mfast_edge.tasks.detect import compare
from mfast_edge.tasks.figures import METRICS
from mfast_edge.tasks.scene import Scene, measure
from mfast_edge.tasks.told import LINES, lines
from tests.metrics.scenes import A, B, C, D, crowd, found, truth

NAMES = ("ash", "birch", "cedar")


def test_all_figures_are_plain_and_agree_where_they_say_the_same() -> None:
    truths, hits = crowd(3)
    quality = compare(truths, hits, NAMES, 0.5)
    told = measure(METRICS, tuple(METRICS), Scene(truths, hits, NAMES, [300.0**2] * len(truths), 0.5))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert list(told) == list(METRICS) == list(LINES)
    assert told["coco"]["AP"] == pytest.approx(quality.map)
    assert told["area"]["101 points"]["map75"] == pytest.approx(quality.map75)
    assert told["f1"]["macro"][50] == pytest.approx(quality.f1)
    spread = told["intervals"]["map50"]
    assert spread["value"] == pytest.approx(quality.map50)
    assert spread["low"] < spread["value"] < spread["high"]
    assert sum(row["truths"] for row in told["errors"]["per_class"].values()) == quality.boxes
    text = lines(told)
    assert [line for line in text if not line.startswith(" ")] == [f"{name}:" for name in METRICS]


def test_lines_name_classes_confusions_and_the_ranking_figure() -> None:
    scene = Scene([truth((A, 0), (B, 1))], [found((A, 0, 0.9), (B, 0, 0.8), (C, 0, 0.7))], NAMES, [120.0 * 50], 0.5)
    told = measure(METRICS, ("voc", "errors"), scene)
    assert told["voc"]["ranking"] == 0.5
    assert told["errors"]["per_class"]["ash"]["mistaken"] == {"birch": 1}
    text = "\n".join(lines(told))
    assert "1 birch" in text
    assert "0.50000" in text
    assert "cedar" not in text


def test_what_is_not_there_is_null_and_a_dash() -> None:
    told = measure(METRICS, ("coco", "area"), Scene([truth((D, 0))], [found((D, 0, 0.9))], ("ash",), [1e6], 0.5))
    assert told["coco"]["APl"] is None
    assert told["area"]["101 points"]["large"] is None
    assert any(line.split() == ["APl", "–"] for line in lines(told))


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"area-weighted"}))
def test_what_is_found_in_a_region_of_any_class_changes_no_figure(name: str) -> None:
    """Of whatever class, and however small beside the region; at its edge it does. (AR1 counts what is best.)"""
    region, small, half = [0.0, 100, 200, 200], [20.0, 110, 40, 130], [190.0, 150, 220, 180]
    truths = [truth((A, 0), (B, 1), (region, ANY), ignored=[2])]
    hits = ((A, 0, 0.7), (C, 1, 0.6), (B, 1, 0.5))

    def told(*more: tuple[list[float], int, float]) -> object:
        return measure(METRICS, (name,), Scene(truths, [found(*hits, *more)], NAMES, [200.0**2], 0.5))

    assert told((small, 0, 0.65), (small, 1, 0.55), (small, 2, 0.8)) == told()
    assert told((half, 1, 0.55)) != told()


def test_a_scene_over_some_classes_is_as_if_there_were_no_others() -> None:
    scene = Scene([truth((A, 0), (B, 1), (C, 2))], [found((A, 0, 0.9), (B, 2, 0.8), (C, 2, 0.7))], NAMES, [4e4], 0.5)
    alone = Scene([truth((A, 1), (C, 0))], [found((A, 1, 0.9), (B, 0, 0.8), (C, 0, 0.7))], ("cedar", "ash"), [4e4], 0.5)
    assert measure(METRICS, tuple(METRICS), scene.over(["cedar", "ash"])) == measure(METRICS, tuple(METRICS), alone)
