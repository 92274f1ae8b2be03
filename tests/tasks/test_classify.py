"""Classes of whole photos as a quality, compared, matched and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from mfast_edge.data.sample import ANY, Truth
from mfast_edge.errors import UserError
from mfast_edge.models.detections import Detections
from mfast_edge.subject import translated
from mfast_edge.tasks import TASKS, classify
from mfast_edge.tasks.scene import Scene, measure
from mfast_edge.tasks.task import Task, of
from tests.metrics.test_confusion import ANSWERS, SCORES

NAMES = ["bar", "cross", "disc"]


def shown(*labels: int) -> Truth:
    """A photo labelled as a whole."""
    box = np.array([[0, 0, 8, 8]], np.float32)
    return Truth(box, np.array([ANY]), np.array([True]), labels=labels)


def said(scores: Sequence[float]) -> Detections:
    """What a classifier says: every class once, the surest first."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    boxes = np.tile(np.array([0, 0, 8, 8], np.float32), (len(order), 1))
    return Detections(boxes, np.asarray(scores, np.float32)[order], order)


TRUTHS = [shown(int(label)) for label in ANSWERS.truths]
FOUND = [said(row) for row in SCORES]


def test_the_quality_is_what_scikit_learn_says() -> None:
    quality = classify.compare(TRUTHS, FOUND, NAMES)
    assert (quality.f1, quality.top1, quality.images) == (pytest.approx(0.6222222222222222), 0.625, 8)
    assert quality.log_loss == pytest.approx(0.7344872958575984)
    assert quality.per_class == pytest.approx({"bar": 0.4, "cross": 2 / 3, "disc": 0.8})
    assert quality.confusion == {
        "bar": {"bar": 1, "cross": 1},
        "cross": {"bar": 1, "cross": 2},
        "disc": {"bar": 1, "disc": 2},
    }
    assert classify.headline(quality) == quality.f1
    assert classify.recalled(json.loads(json.dumps(quality.to_json()))) == quality


def test_the_best_five_of_five_classes_say_nothing() -> None:
    assert classify.compare(TRUTHS, FOUND, NAMES).top5 is None
    six = [said([0.3, 0.2, 0.2, 0.1, 0.1, 0.1]), said([0.3, 0.2, 0.2, 0.1, 0.1, 0.1])]
    assert classify.compare([shown(5), shown(1)], six, list("abcdef")).top5 == 0.5


def test_photos_without_exactly_one_class_count_in_nothing() -> None:
    quality = classify.compare([*TRUTHS, shown(), shown(0, 1)], [*FOUND, FOUND[0], FOUND[0]], NAMES)
    assert quality == classify.compare(TRUTHS, FOUND, NAMES)
    with pytest.raises(UserError, match="1 photos without a class of their own"):
        classify.compare([shown()], FOUND[:1], NAMES)


def test_two_candidates_are_compared_photo_by_photo() -> None:
    perfect = [said(np.eye(3)[label] * 0.9 + 0.03) for label in ANSWERS.truths]
    better = classify.paired(TRUTHS, perfect, FOUND, NAMES)
    assert better.difference == pytest.approx(1 - 0.6222222222222222)
    assert 0 <= better.low < better.difference < better.high
    same = classify.paired(TRUTHS, FOUND, FOUND, NAMES)
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    low, high = classify.f1_interval(TRUTHS, FOUND, NAMES, 0.0)
    assert low < 0.6222222222222222 < high


def test_parity_counts_photos_whose_surest_class_is_as_sure() -> None:
    near, far = said([0.705, 0.195, 0.1]), said([0.75, 0.15, 0.1])
    other = said([0.2, 0.7, 0.1])
    same = classify.match([FOUND[0]] * 4, [FOUND[0], near, far, other], score=0.05)
    assert (same.matched, same.total, same.share) == (2, 4, 0.5)
    assert same.worst_score_delta == pytest.approx(0.05, abs=1e-5)


def test_a_photo_is_drawn_with_its_surest_class() -> None:
    assert classify.caption(FOUND[0], NAMES) == "bar 0.70"
    assert classify.caption(shown(2), NAMES) == "disc"
    assert classify.shown(FOUND[0], 0.0).classes.tolist() == [0]
    assert len(classify.shown(FOUND[0], 0.8).classes) == 0
    photo = np.full((64, 64, 3), 128, np.uint8)
    drawn = classify.draw(photo, FOUND[0], NAMES)
    assert (drawn[:40] != 128).any()
    assert (drawn[100:] == 128).all()


def test_classes_that_the_data_lack_leave_the_others_as_they_are() -> None:
    scene = Scene(TRUTHS, FOUND, NAMES, [64.0] * 8)
    part = scene.over(["disc", "bar"])
    assert classify.compare(part.truths, part.found, part.classes).images == 5


def test_a_class_that_the_data_lack_is_wrong_where_it_is_said() -> None:
    kite = said([0.6, 0.3, 0.1])
    found = [translated(one, {1: 0, 2: 1}, whole=True) for one in (kite, said([0.1, 0.8, 0.1]))]
    assert found[0].classes.tolist() == [ANY, 0, 1]
    quality = classify.compare([shown(0), shown(0)], found, ["bar", "cross"])
    assert (quality.top1, quality.recall, quality.precision) == (0.5, {"bar": 0.5}, {"bar": 1.0})
    assert quality.confusion == {"bar": {"bar": 1}}
    assert quality.log_loss == pytest.approx(-np.log([0.3, 0.8]).mean(), abs=1e-6)
    scene = Scene([shown(0), shown(0)], found, ["bar", "cross"], [64.0] * 2)
    assert measure(classify.METRICS, ("confusion",), scene)["confusion"]["per_class"]["bar"]["said"] == [1, 0]
    part = scene.over(["bar"])
    assert classify.compare(part.truths, part.found, part.classes).top1 == 0.5


def test_every_metric_has_lines() -> None:
    told = measure(classify.METRICS, tuple(classify.METRICS), Scene(TRUTHS, FOUND, NAMES, [64.0] * 8))
    assert told["confusion"]["per_class"]["bar"]["said"] == [1, 1, 0]
    assert told["intervals"]["top1"]["value"] == 0.625
    assert told["intervals"]["top1"]["low"] < 0.625 < told["intervals"]["top1"]["high"]
    text = "\n".join(classify.lines(told))
    assert "shows, said  bar  cross  disc  precision  recall      F1" in text


def test_of_many_classes_the_table_names_what_was_said_most() -> None:
    names = [f"c{number}" for number in range(30)]
    scores = [np.eye(30)[label] for label in (1, 1, 2, 0)]
    told = classify.METRICS["confusion"](Scene([shown(0)] * 4, [said(row) for row in scores], names, [64.0] * 4))
    assert "2 c1, 1 c0, 1 c2" in "\n".join(classify.lines({"confusion": told}))


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_whole(name: str) -> None:
    wanted = {word for word in (*vars(Task), *Task.__annotations__) if not word.startswith("_")}
    assert wanted - set(vars(of(name))) == set()
