"""Which stage is taken back when a better one comes to nothing for lack of budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mfast_edge import pipeline
from mfast_edge.candidate import Candidate
from mfast_edge.pipeline import Row, culprit
from mfast_edge.plan import read
from mfast_edge.target import find
from mfast_edge.verdict import Verdict, overruled, settle


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


def joint(
    monkeypatch: pytest.MonkeyPatch, walked: list[Row], bare: list[Row], until: str | None = None
) -> tuple[list[Row], list[Row]]:
    """(rows, rows told) of a joint plan whose stages, and those without shaping, end so."""
    plan = replace(read("full", find("x86"), {}), budget=1.0)
    ends = {5: walked, 3: bare}  # by how many stages the plan has
    monkeypatch.setattr(pipeline, "once", lambda plan, *_: iter(ends[len(plan.stages)]))
    told: list[Row] = []
    judge = SimpleNamespace(budget=1.0)
    return pipeline.walk(plan, None, judge, until=until, tell=told.append), told  # type: ignore[arg-type]


def graph(stage: str, key: str, points: float, ms: float) -> Row:
    """A graph of a network, as `Judge.alike` or, where it may be over the budget, `weigh` found it."""
    made = row(stage, None if stage == "export_onnx" else 0.34, points)
    candidate = Candidate(key, "tiny", "onnx", Path(), ())
    return replace(made, candidate=candidate, verdict=replace(made.verdict, ms=ms))


def onward(stage: str, points: float) -> Row:
    made = row(stage, 0.5, points)
    return replace(made, verdict=settle(made.verdict, 1.0, onward=True))


TRAIN = row("train", None, 0.0)
BARE = [TRAIN, graph("export_onnx", "float", 0.0, 10.0), graph("quantize", "int8", 0.3, 4.0)]


def test_a_joint_plan_over_the_budget_ends_in_the_graphs_of_its_first_network(monkeypatch: pytest.MonkeyPatch) -> None:
    walked = [TRAIN, onward("refit", 2.0), onward("prune", 2.3), graph("export_onnx", "thin", 2.3, 3.0)]
    ends, told = joint(monkeypatch, [*walked, graph("quantize", "thin8", 2.5, 1.0)], BARE)
    assert [(one.stage, one.verdict.keep) for one in ends] == [
        ("train", True), ("refit", False), ("prune", False), ("export_onnx", True), ("quantize", True),
    ]  # fmt: skip
    assert [one.candidate.key for one in ends[3:]] == ["float", "int8"]
    assert ends[2].verdict.sentence == (
        "rolled back: 0.50x the time [0.49, 0.51] in onnxruntime, 2.30 points lost [1.30, 3.30]; "
        "with it export_onnx would lose 2.30 points of 1"
    )
    assert [one.stage for one in told[5:]] == ["refit", "prune", "export_onnx", "quantize"]


@pytest.mark.parametrize(("ms", "end"), [(5.0, "int8"), (3.0, "thin")])
def test_a_joint_plan_whose_int8_alone_is_over_the_budget_ends_in_what_is_faster(
    monkeypatch: pytest.MonkeyPatch, ms: float, end: str
) -> None:
    walked = [TRAIN, onward("refit", 0.5), onward("prune", 0.8), graph("export_onnx", "thin", 0.8, ms)]
    ends, _ = joint(monkeypatch, [*walked, graph("quantize", "thin8", 1.1, 1.0)], BARE)
    assert [one for one in ends if one.verdict.keep][-1].candidate.key == end


def test_a_joint_plan_within_the_budget_or_stopped_before_its_end_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    walked = [TRAIN, onward("refit", 2.0), onward("prune", 0.8), graph("export_onnx", "thin", 0.8, 3.0)]
    within = [*walked, graph("quantize", "thin8", 0.9, 1.0)]
    assert joint(monkeypatch, within, BARE)[0] == within
    assert joint(monkeypatch, [TRAIN, onward("prune", 9.0)], BARE, "prune")[0] == [TRAIN, onward("prune", 9.0)]


def test_a_stage_taken_back_says_why() -> None:
    verdict = overruled(row("prune", 0.8, 0.8).verdict, "with it quantize would be over the budget")
    assert not verdict.keep
    assert verdict.sentence.startswith("rolled back: 0.80x the time")
    assert verdict.sentence.endswith("with it quantize would be over the budget")
