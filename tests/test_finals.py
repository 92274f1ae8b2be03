"""The best trials of a search are timed again: the lucky clock of a trial decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.timing import Series
from mfast_edge import finals
from mfast_edge.outcome import outcome, winner
from mfast_edge.searched import prepared
from mfast_edge.terminal import Terminal
from mfast_edge.trials import Trials
from mfast_edge.winner import Finished
from tests.hunts import files, hunt

FACTS = {"parameters": 1000, "macs": 1000, "mb": 0.1}


def answer(number: int, ms: float, quality: float = 0.5) -> Finished:
    """A trial's answer; ms is what its own clock said."""
    figures = {**FACTS, "ms": ms, "ratio": ms, "quality": quality, "f1": quality}
    return Finished(number, {"train.lr": 0.001 * (1 + number), "model.width": 0.25}, figures, f"key{number}")


def clock(monkeypatch: pytest.MonkeyPatch, times: Mapping[str, float]) -> list[list[str]]:
    """A clock that says these ms, and what it was asked each time."""
    seen: list[list[str]] = []

    def raced(_: object, graphs: Mapping[str, Path]) -> Mapping[str, Series]:
        assert all(path.is_file() for path in graphs.values())
        seen.append(list(graphs))
        return {f"{name} onnxruntime": Series(f"{name} onnxruntime", ((times[name],),) * 3) for name in graphs}

    monkeypatch.setattr(finals, "raced", raced)
    return seen


def searched(folder: Path, **sections: Any) -> Trials:
    files(folder, **sections)
    return prepared(hunt(folder), Terminal(True)).trials


def test_the_winner_is_the_fastest_by_the_second_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = searched(tmp_path)
    seen = clock(monkeypatch, {"0": 2.0, "1": 1.0, "reference": 4.0})
    lucky, steady = answer(0, 0.1), answer(1, 0.9)
    found = finals.finals(trials, [lucky, steady])
    assert {one.trial.id: one.trial.figures["ratio"] for one in found} == {0: 0.5, 1: 0.25}
    won = winner(trials.space, [one.trial for one in found])
    assert won
    assert won["id"] == 1
    assert won["figures"]["ms"] == pytest.approx(0.25 * trials.scale.facts.ms)
    assert winner(trials.space, [lucky, steady])["id"] == 0  # type: ignore[index]
    assert {one.trial.id: one for one in finals.finals(trials, [steady, lucky])} == {one.trial.id: one for one in found}
    assert len(seen) == 1  # and not timed a third time
    finals.finals(trials, [replace(lucky, params={**lucky.params, "train.lr": 0.009}), steady])
    assert len(seen) == 2  # trials of another study, though of the same numbers


def test_only_the_best_ten_by_the_rule_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = searched(tmp_path, winner={"quality": 0.4})
    seen = clock(monkeypatch, dict.fromkeys([*map(str, range(20)), "reference"], 1.0))
    answers = [answer(n, 1.0 + n, quality=0.3 if n < 2 else 0.5) for n in range(14)]
    assert [one.trial.id for one in finals.finals(trials, answers)] == list(range(2, 12))
    assert seen == [[*map(str, range(2, 12)), "reference"]]


def test_a_score_follows_the_second_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    par = {"objectives": {"score": "minimize"}, "score": {"f1": 0.5, "ms": 1e9}, "winner": None}
    trials = searched(tmp_path, **par)
    clock(monkeypatch, {"0": 3.0, "reference": 1.0})
    told = answer(0, 1.0)
    (found,) = finals.finals(trials, [Finished(0, told.params, {**told.figures, "score": 0.1}, told.key)])
    figures = found.trial.figures
    assert figures["score"] == pytest.approx(0.5 + 0.5 * figures["ms"] / 1e9)


def test_what_passes_a_limit_by_the_second_clock_does_not_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = searched(tmp_path, limits={"ms": "1.0x"}, winner=None)
    clock(monkeypatch, {"0": 2.0, "1": 0.5, "reference": 1.0})
    both = finals.finals(trials, [answer(0, 0.1, quality=0.9), answer(1, 0.2)])
    assert [(one.trial.id, one.within) for one in both] == [(0, False), (1, True)]
    assert outcome(trials.space, [], both)["winner"]["id"] == 1
    assert outcome(trials.space, [], both[:1])["winner"]["id"] == 0  # no other is there


def test_a_network_that_its_training_shaped_elsewhere_keeps_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = {"prune.keep": {"type": "float", "low": 0.2, "high": 0.9}}
    files(tmp_path, settings=keep, until="prune", limits={})
    plan = tmp_path / "small.yaml"
    plan.write_text(plan.read_text().replace("  - export", "  - prune: {images: 0}\n  - export"))
    trials = prepared(hunt(tmp_path), Terminal(True)).trials
    clock(monkeypatch, {"reference": 1.0})
    elsewhere = Finished(0, {"prune.keep": 0.5}, answer(0, 0.3).figures, "not here")
    (found,) = finals.finals(trials, [elsewhere])
    assert (found.trial, found.anew) == (elsewhere, False)


def test_where_no_clock_decides_nothing_is_timed(tmp_path: Path) -> None:
    trials = searched(tmp_path, objectives={"quality": "maximize"}, winner=None)
    assert finals.finals(trials, [answer(0, 1.0)]) == []
