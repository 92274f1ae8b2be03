"""The page of a search: front, curve, importances, parallel coordinates, and where each trial came from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.pages import charts
from mfast_edge.pages.search import view, write
from mfast_edge.report import report

UP = {"quality": "maximize", "ms": "minimize"}


def trial(place: int, quality: float, ms: float, **more: Any) -> dict[str, Any]:
    figures = {"quality": quality, "ms": ms, "mb": 0.5, "parameters": 1000, "macs": 5, "ratio": ms}
    plain = {
        "why": "",
        "retried": None,
        "worker": "w",
        "parents": [],
        "seconds": 2.0,
        "curve": [],
        "key": f"key{place}",
    }
    params = {"train.lr": 10 ** (-3 - quality), "model.width": 0.5 if place % 2 else 0.25}
    told = {"id": place, "number": place, "state": "complete", "values": [quality, ms]}
    return {**told, **plain, "params": params, "figures": figures, **more}


def search(*trials: dict[str, Any]) -> dict[str, Any]:
    knobs = {
        "train.lr": {"type": "float", "low": 1e-6, "high": 1e-1, "log": True},
        "model.width": {"type": "categorical", "choices": [0.25, 0.5]},
    }
    complete = [one for one in trials if one["state"] == "complete"]
    winner = {"id": complete[0]["id"], "why": "it <won>", "params": complete[0]["params"], "figures": {"ms": 1.0}}
    counts = {"finished": len(trials), "complete": len(complete), "rejected": 1, "pruned": 0, "failed": 1, "running": 0}
    about = {"study": "s", "storage": "search.log", "command": "c", "model": "m", "data": "d", "target": "t"}
    space = {"name": "mine", "settings": knobs, "objectives": UP, "limits": {"ms": 8}, "pruner": "asha"}
    return {
        **about,
        "machine": "here",
        "seed": 0,
        "space": space,
        "counts": counts,
        "winner": winner,
        "trials": list(trials),
    }


ROWS = [
    trial(n, q / 10, ms) for n, (q, ms) in enumerate([(5, 5), (9, 9), (4, 2), (3, 4), (7, 6), (6, 8), (2, 3), (8, 7)])
]
LOST = trial(8, 0, 0, state="failed", number=None, values=[], figures={}, key=None)
AGAIN = trial(9, 0.1, 9, retried=8, parents=[1, 2])
HEAVY = trial(10, 0, 0, state="rejected", values=[], figures={}, key=None, why="mb 3, limit 2")


def test_the_page_tells_of_every_trial_and_needs_nothing_beside_it(tmp_path: Path) -> None:
    write(search(*ROWS, LOST, AGAIN, HEAVY), tmp_path)
    page, text = (tmp_path / "search.html").read_text(), (tmp_path / "search.md").read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script""", page)
    assert "it &lt;won&gt;" in page
    assert "Best quality so far" in page
    for word in ("trial 8, which was broken off", "bred from 1, 2", "mb 3, limit 2", "key3", "What decides quality"):
        assert word in page
        assert word in text
    assert page.count("<polyline") == 2 + len(ROWS) + 1
    assert json.loads((tmp_path / "search.json").read_text())["counts"]["finished"] == 11


def test_the_report_door_writes_it_again_from_what_is_stored(tmp_path: Path) -> None:
    write(search(*ROWS), tmp_path)
    before = (tmp_path / "search.html").read_text()
    (tmp_path / "search.html").unlink()
    report(tmp_path)
    assert (tmp_path / "search.html").read_text() == before


def test_the_front_is_what_nobody_beats_and_importances_are_told() -> None:
    page = view(search(*ROWS, LOST, AGAIN, HEAVY))
    front = next(table for table in page.tables if table.title == "Pareto front")
    assert [row[0] for row in front.rows] == ["0", "1", "2", "4", "7"]
    assert {name for name, _ in page.bars} == {"quality", "ms"}
    assert page.bars[0][1][0][0] == "train.lr"  # quality is a function of it
    assert len(page.tables[-1].rows) == 11


def test_what_was_timed_again_stands_first_with_both_times() -> None:
    faster = {**ROWS[1]["figures"], "ms": 2.5}
    finals = [{"id": 1, "figures": faster, "within": True}, {"id": 2, "figures": ROWS[2]["figures"], "within": False}]
    table = view({**search(*ROWS), "finals": finals}).tables[0]
    assert table.title.startswith("The best, timed again")
    assert [row[:4] for row in table.rows] == [["2", "0.4000", "2.000", "2.000"], ["1", "0.9000", "9.000", "2.500"]]
    assert [row[-1] for row in table.rows] == ["no", "yes"]


def test_a_search_of_few_trials_or_none_has_a_page_too() -> None:
    few = view(search(*ROWS[:2]))
    assert few.bars == []
    none = view({**search(*ROWS[:1]), "winner": None, "trials": [HEAVY]})
    assert none.plots == []
    assert none.parallel is None


def test_the_best_so_far_never_gets_worse_and_lies_within_the_drawing() -> None:
    plot = charts.progress(ROWS, UP, 0)
    assert plot
    heights = [float(point.split(",")[1]) for point in plot.line.split()]
    assert heights == sorted(heights, reverse=True)
    assert all(0 <= dot.x <= charts.WIDE and 0 <= dot.y <= charts.HIGH for dot in plot.dots)
    assert [dot.kind for dot in plot.dots].count("winner") == 1


@pytest.mark.parametrize(("values", "log"), [([1.0, 5.0], False), ([1e-4, 1e-1], True), ([0.0, 500.0], False)])
def test_what_spans_magnitudes_is_drawn_by_its_logarithm(values: list[float], log: bool) -> None:
    scale = charts.Scale.of(values, 100)
    assert scale.log is log
    assert [scale.at(value) for value in values] == pytest.approx([0, 100])
    assert scale.at((values[0] * values[1]) ** 0.5) == pytest.approx(50) or not log


def test_settings_that_a_trial_lacks_break_no_line() -> None:
    words = [{**ROWS[0], "params": {"a": "x"}}, {**ROWS[1], "params": {"a": "y", "b": 3}}]
    found = charts.parallel(words, ["a", "b"], UP, 1)
    assert found
    assert [axis.name for axis in found.axes] == ["a", "b", "quality", "ms"]
    assert sorted(len(strand.points.split()) for strand in found.strands) == [3, 4]
    assert [strand.hue for strand in found.strands] == [0, 120]
    assert found.strands[-1].winner


def test_settings_that_no_trial_has_are_no_axis() -> None:
    found = charts.parallel([{**ROWS[0], "params": {"a": "x", "c": None}}], ["a", "b", "c"], UP, None)
    assert found
    assert [axis.name for axis in found.axes] == ["a", "quality", "ms"]


def test_a_front_of_three_objectives_is_no_line() -> None:
    trials = [{**one, "values": [*one["values"], 0.5]} for one in ROWS]
    assert charts.pareto(ROWS, UP, {1, 2}, None).line  # type: ignore[union-attr]
    assert charts.pareto(trials, {**UP, "mb": "minimize"}, {1, 2}, None).line == ""  # type: ignore[union-attr]
