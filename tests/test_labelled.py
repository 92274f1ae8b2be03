"""What becomes a label: two looks that agree, doubts that are ignored, mirrored boxes."""

from __future__ import annotations

import numpy as np

from mfast_edge.labelled import Rules, agreed, answer, mirrored, things
from mfast_edge.models.detections import Detections


def seen(*rows: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([row[1] for row in rows]), np.array([row[2] for row in rows], np.int64))


A, B, FAR = (10.0, 10.0, 30.0, 30.0), (11.0, 10.0, 31.0, 30.0), (60.0, 60.0, 80.0, 80.0)


def test_a_mirrored_box_lies_where_it_lies_in_the_photo() -> None:
    found = mirrored(seen((A, 0.9, 0)), 100)
    assert found.boxes.tolist() == [[70.0, 10.0, 90.0, 30.0]]
    assert mirrored(found, 100).boxes.tolist() == [list(A)]


def test_both_looks_must_agree_on_place_and_class_and_each_detection_counts_once() -> None:
    one = seen((A, 0.9, 0), (B, 0.8, 0), (FAR, 0.7, 1))
    assert agreed(one, seen((A, 0.9, 0)), 0.6).tolist() == [True, False, False]
    assert agreed(one, seen((A, 0.9, 0), (B, 0.6, 0), (FAR, 0.6, 0)), 0.6).tolist() == [True, True, False]
    assert agreed(one, seen(), 0.6).tolist() == [False, False, False]
    assert agreed(seen(), one, 0.6).tolist() == []


def test_what_is_not_sure_is_ignored_and_what_is_nearly_nothing_is_background() -> None:
    one = seen((A, 0.9, 0), (FAR, 0.8, 1), (B, 0.3, 0), (FAR, 0.05, 0))
    rules = Rules(score=0.5, agree=0.6, doubt=0.1)
    found = things(one, seen((B, 0.7, 0)), rules, ("disc", "block"))
    assert [(thing.label, thing.ignore) for thing in found] == [("disc", False), ("block", True), ("disc", True)]
    assert found[0].box == A
    weak = things(one, seen((B, 0.4, 0)), rules, ("disc", "block"))  # the other look must be as sure
    assert all(thing.ignore for thing in weak)
    blunt = things(one, seen(), Rules(score=0.5, agree=None, doubt=None), ("disc", "block"))
    assert [(thing.label, thing.ignore) for thing in blunt] == [("disc", False), ("block", False)]


def test_a_photo_as_a_whole_is_what_both_looks_are_sure_of() -> None:
    one, rules = seen((A, 0.8, 1), (A, 0.2, 0)), Rules(score=0.7)
    assert [thing.label for thing in answer(one, seen((A, 0.75, 1)), rules, ("disc", "block"))] == ["block"]
    assert answer(one, seen((A, 0.6, 1)), rules, ("disc", "block")) == ()
    assert answer(one, seen((A, 0.9, 0)), rules, ("disc", "block")) == ()
    assert answer(one, seen((A, 0.9, 0)), Rules(score=0.7, agree=None), ("disc", "block"))
    assert answer(one, one, Rules(score=0.9), ("disc", "block")) == ()
