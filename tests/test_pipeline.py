"""Which stage is taken back when a better one comes to nothing for lack of budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mfast_edge import pipeline
from mfast_edge.candidate import Candidate
from mfast_edge.judge import Verdict, overruled, settle
from mfast_edge.pipeline import Row, culprit


def row(stage: str, ratio: float | None, points: float, budget: float = 1.0) -> Row:
    measured = Verdict(
        stage, "p", stage, "m", True, "kept: as it is", "onnxruntime", False, {},
        {"points": points, "low": points - 1, "high": points + 1},
        None if ratio is None else {"median": ratio, "low": ratio - 0.01, "high": ratio + 0.01},
        None if ratio is None else 0.5,
    )  # fmt: skip
    return Row(stage, Candidate(stage, "tiny", "torch", Path(), ()), settle(measured, budget), None)


@pytest.mark.parametrize(
    ("rows", "blamed"),
    [
        ([("train", None, 0.0), ("prune", 0.8, 0.8), ("export_onnx", None, 0.8), ("quantize", 0.34, 1.2)], "prune"),
        ([("train", None, 0.0), ("prune", 0.8, 0.8), ("export_onnx", None, 0.8), ("quantize", 0.34, 0.9)], None),
        ([("train", None, 0.0), ("prune", 0.3, 0.8), ("export_onnx", None, 0.8), ("quantize", 0.34, 1.2)], None),
        ([("train", None, 0.0), ("prune", 0.8, 1.3), ("export_onnx", None, 0.0), ("quantize", 0.34, 1.2)], None),
        ([("train", None, 0.0), ("prune", 0.8, 0.8), ("export_onnx", None, 0.8), ("quantize", 1.1, 1.2)], None),
        ([("train", None, 0.0)], None),
    ],
    ids=["int8 pays more", "within budget", "prune pays more", "prune is not kept", "int8 is slower", "train only"],
)
def test_what_pays_less_gives_way(rows: list[tuple[str, float | None, float]], blamed: str | None) -> None:
    assert culprit([row(*one) for one in rows]) == blamed


def test_a_second_walk_tells_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """train stands as it was, 7 seconds, told once; prune is told again, as taken back."""
    train, prune, whole = row("train", None, 0.0), row("prune", 0.8, 0.8), row("quantize", 0.34, 0.3)
    walks = [
        [replace(train, seconds=7.0), replace(prune, seconds=9.0), row("quantize", 0.34, 1.2)],
        [train, replace(prune, verdict=overruled(prune.verdict, "why")), whole],
    ]
    monkeypatch.setattr(pipeline, "once", lambda *_: iter(walks.pop(0)))
    told: list[Row] = []
    ends = pipeline.walk(SimpleNamespace(joint=False), None, None, until=None, tell=told.append)  # type: ignore[arg-type]
    assert [(one.stage, one.seconds, one.verdict.keep) for one in ends] == [
        ("train", 7.0, True),
        ("prune", 9.0, False),
        ("quantize", None, True),
    ]
    assert [one.stage for one in told] == ["train", "prune", "quantize", "prune", "quantize"]


def test_a_stage_taken_back_in_vain_is_kept_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """int8 is over the budget with prune and without it: the pruned float network is what remains."""
    train, prune, over = row("train", None, 0.0), row("prune", 0.8, 0.8), row("quantize", 0.34, 1.2)
    without = row("quantize", 0.34, 1.1)
    without = replace(without, candidate=replace(without.candidate, key="without prune"))
    walks = [[train, prune, over], [train, replace(prune, verdict=overruled(prune.verdict, "why")), without]]
    monkeypatch.setattr(pipeline, "once", lambda *_: iter(walks.pop(0)))
    told: list[Row] = []
    ends = pipeline.walk(SimpleNamespace(joint=False), None, None, until=None, tell=told.append)  # type: ignore[arg-type]
    assert [(one.stage, one.verdict.keep) for one in ends] == [("train", True), ("prune", True), ("quantize", False)]
    assert [(one.stage, one.verdict.keep) for one in told][-1] == ("prune", True)


def test_a_stage_taken_back_says_why() -> None:
    verdict = overruled(row("prune", 0.8, 0.8).verdict, "with it quantize would be over the budget")
    assert not verdict.keep
    assert verdict.sentence.startswith("rolled back: 0.80x the time")
    assert verdict.sentence.endswith("with it quantize would be over the budget")
