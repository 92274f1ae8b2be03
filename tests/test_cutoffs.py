"""Thresholds as settings, and which of a grid is chosen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mfast_edge.cutoffs import Cutoffs, cut, own
from mfast_edge.errors import UserError
from mfast_edge.grid import Axes, Cell, chosen

FACTS = {"score_threshold": 0.01, "iou_threshold": 0.5, "detections": 100, "maps": [4]}


def cell(score: float, value: float) -> Cell:
    quality: Any = SimpleNamespace(map50=value, f1=1 - value)
    return Cell(Cutoffs(score=score, iou=0.5, detections=100), quality, 1.0)


def test_only_what_is_given_changes() -> None:
    assert cut(FACTS, Cutoffs(iou=0.4)) == {**FACTS, "iou_threshold": 0.4}
    assert own(cut(FACTS, Cutoffs(score=0.2, detections=7))) == Cutoffs(score=0.2, iou=0.5, detections=7)


def test_an_overlap_where_nothing_is_suppressed_is_refused() -> None:
    with pytest.raises(UserError, match="score alone would be right"):
        cut({**FACTS, "iou_threshold": None}, Cutoffs(iou=0.4))


def test_a_grid_is_every_combination_with_the_own_values_first() -> None:
    cells = Axes(score=(0.1,), iou=(0.3, 0.5)).cells(own(FACTS))
    assert cells[0] == own(FACTS)
    assert {(one.score, one.iou) for one in cells} == {(0.01, 0.3), (0.01, 0.5), (0.1, 0.3), (0.1, 0.5)}
    assert len(cells) == 4
    bare = Axes(score=(0.1,), iou=(0.3,)).cells(own({**FACTS, "iou_threshold": None}))
    assert [one.iou for one in bare] == [None, None]


def test_the_best_is_chosen_and_with_slack_the_least_work_of_the_nearly_best() -> None:
    cells = [cell(0.01, 0.5), cell(0.05, 0.8), cell(0.2, 0.798), cell(0.4, 0.7)]
    assert chosen(cells, "map50", 0).cutoffs.score == 0.05
    assert chosen(cells, "map50", 0.3).cutoffs.score == 0.2
    assert chosen(cells, "f1", 0).cutoffs.score == 0.01
    assert chosen([cell(0.3, 0.5), cell(0.4, 0.5)], "map50", 0).cutoffs.score == 0.3
