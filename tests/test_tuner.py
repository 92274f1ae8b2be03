"""A search over a plan's settings, its trials stood in for: what is asked, what is rejected, what it ends with."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mfast_edge import pipeline
from mfast_edge import plan as plans
from mfast_edge import tuner as tuning
from mfast_edge.candidate import Candidate
from mfast_edge.errors import Busy, Diverged, UserError
from mfast_edge.models.ssd.build import Build
from mfast_edge.pipeline import Expected, Row
from mfast_edge.plan import Plan
from mfast_edge.target import find
from mfast_edge.tuner import OutOfTime, Tuner
from mfast_edge.verdict import Verdict
from search.study import Rejected

X86 = find("x86")


def rows(points: float) -> list[Row]:
    """A finished trial that lost so much."""
    verdict = Verdict("quantize", "p", "c", "m", True, "kept: it", "openvino", False, {}, {"points": points})
    base = Candidate("base", "tiny", "torch", Path(), ())
    return [Row("train", base, verdict, None), Row("quantize", Candidate("c", "tiny", "onnx", Path(), ()), verdict, 1)]


class Bench:
    """A search in a folder; what each trial would take and give is set by the tests."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.folder, self.lines = folder, list[str]()
        self.ahead = [Expected("train", "a", True, 5.0), Expected("prune", "b", False, 6.0)]
        self.trial: Callable[[Plan], list[Row]] = lambda plan: rows(0.2)
        self.plans: list[Plan] = []
        monkeypatch.setattr(tuning, "expected", lambda *_: self.ahead)
        monkeypatch.setattr(Tuner, "walked", lambda _, plan: self.walked(plan))
        monkeypatch.setattr(Tuner, "timed", lambda *_: 0.5)
        monkeypatch.setattr(Tuner, "shaped", lambda *_: [None, None])
        monkeypatch.setattr(tuning, "race", lambda *_: ("openvino", SimpleNamespace(median=0.1), 1.0))
        monkeypatch.setattr(tuning, "float_graph", lambda *_: Path())
        monkeypatch.setattr(tuning, "stand_in", lambda *_: Path())
        monkeypatch.setattr(tuning.Judge, "graph", lambda *_: Path())

    def walked(self, plan: Plan) -> list[Row]:
        self.plans.append(plan)
        return self.trial(plan)

    def tuner(self, name: str = "full", machine: str = "here", **given: Any) -> Tuner:
        def planned(params: Mapping[str, Any]) -> Plan:
            return plans.read(name, X86, {**params, **given})

        root, model = SimpleNamespace(key="root"), SimpleNamespace(name="tiny")
        build = Build(classes=("a",), size=240)
        shop: Any = SimpleNamespace(
            root=root, model=model, build=build, target=X86, machine=machine, digests=lambda _: {"data": "d"}
        )
        return Tuner(planned, planned({}), shop, self.folder, self.lines.append)

    def best_is(self, tuner: Tuner, ratio: float) -> None:
        tuner.kept.write_text(json.dumps({"params": {"prune.keep": 0.5}, "ratio": ratio, "points": 0.1, "file": "f"}))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_search_begins_with_the_plan_s_own_values(bench: Bench) -> None:
    """The size that the plan leaves open is the network's."""
    bench.tuner().best(1, None)
    refit, prune = (dict(bench.plans[0].stages)[name].model_dump(mode="json") for name in ("refit", "prune"))
    own = dict(plans.read("full", X86, {}).stages)["prune"].model_dump(mode="json")
    assert (refit["size"], refit["anchors"], refit["share"], prune["keep"]) == (240, "matched", 0.002, own["keep"])


def test_the_fastest_within_the_budget_is_named_on_disk_and_planned(bench: Bench) -> None:
    tuner = bench.tuner()
    found = tuner.best(1, None)
    assert json.loads(tuner.kept.read_text())["params"]["prune.keep"] == 0.33
    assert found.stages == bench.plans[0].stages
    assert bench.lines[-1].startswith("best: ")


@pytest.mark.parametrize("plan", ["full", "quick"])
def test_a_trial_that_does_not_fit_into_the_time_left_ends_the_search(bench: Bench, plan: str) -> None:
    """The first one too: train and its graphs are delivered then. The trial is tried where there is more time."""
    found = bench.tuner(plan).best(None, 0.05)
    assert bench.plans == []
    assert [name for name, _ in found.stages] == ["train", "export_onnx", "quantize"]
    assert not found.joint
    assert "would take about 6.0 minutes, 3.0 are left: train, export_onnx, quantize without" in bench.lines[-1]
    assert "prune" in bench.lines[-1]
    bench.tuner(plan).best(1, 0.2)
    assert len(bench.plans) == 1


def test_what_is_in_the_store_fits_into_any_time(bench: Bench) -> None:
    bench.ahead = [Expected("train", "a", True, 5.0), Expected("prune", "b", True, 6.0)]
    bench.tuner().best(1, 0.001)
    assert len(bench.plans) == 1


def test_no_time_at_all_is_told_as_that(bench: Bench) -> None:
    assert "prune" not in dict(bench.tuner().best(None, 0.0).stages)
    assert bench.lines == ["--hours 0 leaves no time for a trial: train, export_onnx, quantize without refit, prune"]


def test_trials_over_the_budget_leave_the_plain_network(bench: Bench) -> None:
    bench.trial = lambda plan: rows(1.01)
    found = bench.tuner().best(3, None)
    assert len(bench.plans) == 3
    assert [name for name, _ in found.stages] == ["train", "export_onnx", "quantize"]
    assert bench.lines[-1].startswith(
        "no trial of 3 came to a network within 1 points: train, export_onnx, quantize without"
    )


def test_a_first_trial_over_the_budget_is_not_the_best(bench: Bench) -> None:
    losses = iter([2.0, 0.4])
    bench.trial = lambda plan: rows(next(losses))
    tuner = bench.tuner()
    tuner.best(2, None)
    assert json.loads(tuner.kept.read_text())["points"] == 0.4


@pytest.mark.parametrize(("name", "kept"), [("full", False), ("quick", True)])
def test_a_joint_trial_whose_int8_alone_is_over_the_budget_is_rejected(bench: Bench, name: str, kept: bool) -> None:
    export, int8 = rows(0.9)[-1], rows(1.4)[-1]
    over = replace(int8, verdict=replace(int8.verdict, keep=False, over_budget=True))
    bench.trial = lambda plan: [rows(0.0)[0], export, over]
    tuner = bench.tuner(name)
    tuner.best(1, None)
    assert tuner.kept.is_file() is kept
    assert any(f"{0.9 if kept else 1.4:.2f} points lost" in line for line in bench.lines)


@pytest.mark.parametrize(("ratio", "walked"), [(0.49, 0), (0.48, 1)])
def test_a_shape_no_faster_than_the_best_is_not_trained(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ratio: float, walked: int
) -> None:
    tuner = bench.tuner()
    bench.best_is(tuner, 0.495)
    monkeypatch.setattr(tuning, "race", lambda *_: ("openvino", SimpleNamespace(median=ratio), 1.0))
    tuner.best(1, None)
    assert len(bench.plans) == walked
    assert ("before any training" in bench.lines[0]) is (walked == 0)


def test_a_trial_whose_files_are_all_there_is_weighed_and_not_sorted_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner = bench.tuner()
    bench.best_is(tuner, 0.5)
    bench.ahead = [Expected("train", "a", True, 5.0)]
    monkeypatch.setattr(tuning, "race", lambda *_: pytest.fail("raced"))
    assert tuner.attempt(tuner.asked(), None) == 0.5


def test_a_trial_that_diverges_is_rejected_and_not_tried_again(bench: Bench) -> None:
    def diverge(plan: Plan) -> list[Row]:
        raise Diverged("prune: the loss is nan")

    bench.trial = diverge
    bench.tuner().best(2, None)
    assert sum("the loss is nan" in line for line in bench.lines) == 2
    bench.tuner().best(2, None)
    assert len(bench.plans) == 2


def test_a_training_that_all_share_and_diverges_ends_the_search(bench: Bench) -> None:
    def diverge(plan: Plan) -> list[Row]:
        raise Diverged("train: the loss is nan")

    bench.trial, bench.ahead = diverge, [Expected("train", "a", False, 5.0)]
    with pytest.raises(Diverged):
        bench.tuner().best(2, None)


def test_settings_that_no_plan_takes_are_rejected(bench: Bench) -> None:
    tuner = bench.tuner()
    with pytest.raises(Rejected):
        tuner.attempt({"prune.keep": 3.0}, None)
    assert "prune.keep" in bench.lines[0]


@pytest.mark.parametrize("goal", ["target_ms", "keep_ms"])
def test_a_goal_in_milliseconds_leaves_the_share_alone(bench: Bench, goal: str) -> None:
    tuner = bench.tuner(**{"prune.keep": None, f"prune.{goal}": 0.4})
    assert set(tuner.knobs) == {"refit.size", "refit.anchors", "refit.share", "quantize.method"}
    tuner.best(2, None)
    assert len(bench.plans) == 2
    assert all(dict(plan.stages)["prune"].model_dump(mode="json")[goal] == 0.4 for plan in bench.plans)


def test_seconds_spent_are_added_up_whatever_comes_of_a_trial(bench: Bench) -> None:
    tuner = bench.tuner()
    tuner.spent.write_text(json.dumps({"seconds": 3590.0}))
    with pytest.raises(OutOfTime, match=r"0\.2 are left"):
        tuner.attempt(tuner.asked(), 1.0)
    assert json.loads(tuner.spent.read_text())["seconds"] > 3590.0


def test_another_machine_or_version_of_a_stage_is_another_question(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mfast_edge.stages.prune import Prune

    here = bench.tuner().question()
    assert here == bench.tuner().question()
    assert here != bench.tuner(machine="there").question()
    monkeypatch.setattr(Prune, "version", "99")
    assert here != bench.tuner().question()


def test_a_ratio_is_measured_anew_for_other_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ratios = iter([0.5, 0.6])
    monkeypatch.setattr(tuning, "float_graph", lambda *_: Path())
    monkeypatch.setattr(tuning, "stand_in", lambda *_: Path())
    monkeypatch.setattr(tuning, "race", lambda *_: ("openvino", SimpleNamespace(median=next(ratios)), 1.0))
    base, final = (row.candidate for row in rows(0.0))

    def timed(threads: int) -> float:
        target = X86.model_copy(update={"threads": threads})
        shop: Any = SimpleNamespace(machine="here", target=target)
        tuner = Tuner(lambda _: None, None, shop, tmp_path, print)  # type: ignore[arg-type,return-value]
        return tuner.timed(base, final)

    assert [timed(1), timed(2), timed(1)] == [0.5, 0.6, 0.5]


def test_a_plan_with_nothing_to_vary_is_refused(bench: Bench, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("stages: [train, export_onnx]\n")
    with pytest.raises(UserError, match="nothing to vary in plan mine"):
        bench.tuner(str(mine)).best(1, None)


def test_a_better_one_of_another_machine_in_the_same_study_is_planned(bench: Bench, tmp_path: Path) -> None:
    storage = tmp_path / "shared.log"
    there = replace(bench.tuner(), folder=tmp_path / "there", storage=storage)
    there.best(1, None)
    here = replace(bench.tuner(), folder=tmp_path / "here", storage=storage)
    found = here.best(1, None)
    assert len(bench.plans) == 1  # the study has its one trial
    assert not here.kept.exists()
    assert found.stages == bench.plans[0].stages
    assert here.shared({"params": {}, "ratio": 0.4}) == {"params": {}, "ratio": 0.4}


def test_two_processes_add_their_seconds_and_keep_the_better(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is between reading and writing the other waits."""
    tuner, ticks = bench.tuner(), itertools.count(0, 5)
    monkeypatch.setattr(tuning.time, "monotonic", lambda: next(ticks))
    with ThreadPoolExecutor(1) as other:
        with tuner.turn():
            answer = other.submit(tuner.attempt, tuner.asked(), None)
            with pytest.raises(TimeoutError):
                answer.result(0.2)
            bench.best_is(tuner, 0.3)
            tuner.spent.write_text(json.dumps({"seconds": 100.0}))
        assert answer.result(10) == 0.5
    assert json.loads(tuner.kept.read_text())["ratio"] == 0.3
    assert json.loads(tuner.spent.read_text())["seconds"] == 105.0


def test_what_another_process_is_making_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PAUSE", 0.0)

    def busy(plan: Plan) -> list[Row]:
        if len(bench.plans) < 3:
            raise Busy("store: another process is making it")
        return rows(0.2)

    bench.trial = busy
    assert bench.tuner().attempt({"prune.keep": 0.5}, None) == 0.5
    assert len(bench.plans) == 3
