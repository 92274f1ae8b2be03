"""Walks a plan from nothing to the best candidate, doing nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mfast_edge.candidate import Candidate, Step, child_key
from mfast_edge.judge import Judge, Verdict, overruled
from mfast_edge.plan import Plan, Stage
from mfast_edge.store import read_json, write_json
from mfast_edge.workshop import Workshop

# Seconds per image of ssd_mbv1 x0.75 at 300 px on two CPU cores, until this machine has its own.
PACE = {"train": 0.035, "prune": 0.035, "export_onnx": 20.0, "quantize": 0.3}


@dataclass(frozen=True, slots=True)
class Row:
    """A stage of a run: the candidate it made and what was decided of it."""

    stage: str
    candidate: Candidate
    verdict: Verdict
    seconds: float | None  # None: it was in the store already


def walk(plan: Plan, shop: Workshop, judge: Judge, *, until: str | None, tell: Callable[[Row], None]) -> list[Row]:
    """Every stage in order; what does not pay is left behind.

    Where a stage that pays more comes to nothing because an earlier one has used up the budget, the earlier
    one is taken back and the rest is walked again; nothing is made, measured or told twice.
    """
    taken_back: dict[str, str] = {}
    seconds: dict[str, float | None] = {}
    told: set[tuple[str, str]] = set()
    while True:
        rows: list[Row] = []
        for walked in once(plan, shop, judge, until, taken_back):
            key, sentence = walked.candidate.key, walked.verdict.sentence
            row = replace(walked, seconds=seconds.setdefault(key, walked.seconds))
            rows.append(row)
            if (key, sentence) not in told:
                told.add((key, sentence))
                tell(row)
        blamed = culprit(rows)
        if blamed is None:
            return rows
        taken_back[blamed] = f"with it {rows[-1].stage} would be over the budget"


def once(plan: Plan, shop: Workshop, judge: Judge, until: str | None, taken_back: Mapping[str, str]) -> Iterator[Row]:
    """The stages one after the other, as long as each can take what the ones before have left.

    An export that does not find what its network finds is no parent for anything.
    """
    current, base = shop.root, None
    for name, stage in plan.stages:
        if stage.gives(current.form) is None:
            return
        child, seconds = make(name, stage, current, shop, plan.seed)
        verdict = judge.verdict(name, base, current, child)
        if name in taken_back:
            verdict = overruled(verdict, taken_back[name])
        yield Row(name, child, verdict, seconds)
        base = base or child
        current = child if verdict.keep else current
        if name == until:
            return


def culprit(rows: list[Row]) -> str | None:
    """The last kept stage that cost accuracy, where the last row of all is over the budget and pays more."""
    last = rows[-1].verdict
    if not last.over_budget or last.ratio is None:
        return None
    kept = [row for row in rows if row.verdict.keep and row.verdict.ratio]
    less = [row.stage for row in kept if row.verdict.ratio and row.verdict.ratio["median"] > last.ratio["median"]]
    return less[-1] if less else None


def step_of(name: str, stage: Stage, shop: Workshop, seed: int) -> Step:
    """What enters the key of the stage's child."""
    return Step(name, stage.version, stage.model_dump(mode="json"), seed, shop.digests(stage.reads))


def make(name: str, stage: Stage, parent: Candidate, shop: Workshop, seed: int) -> tuple[Candidate, float | None]:
    """The stage's child from the store, or made now; the seconds that took."""
    step = step_of(name, stage, shop, seed)
    key = child_key(parent, step)
    if found := shop.store.find(key):
        return found, None
    form = stage.gives(parent.form)
    assert form is not None, f"{name} was let through the plan"
    begun = time.monotonic()
    with shop.store.work(key) as work:
        stage.run(parent, work, shop)
        made = shop.store.keep(work, parent, step, key, form)
    seconds = time.monotonic() - begun
    note(shop, step, seconds)
    return made, seconds


@dataclass(frozen=True, slots=True)
class Expected:
    """A stage of a plan that was not run: its key if every stage is kept, and the minutes it may take."""

    stage: str
    key: str
    done: bool
    minutes: float

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def expected(plan: Plan, shop: Workshop) -> list[Expected]:
    """What `walk` would do; minutes from this machine's earlier runs of the model, else from a 2-core CPU's."""
    current, rows = shop.root, []
    pace = read_json(paces(shop)) or {}
    for name, stage in plan.stages:
        step = step_of(name, stage, shop, plan.seed)
        key = child_key(current, step)
        found = shop.store.find(key)
        images = int(step.settings.get("images", 1))
        seconds = pace.get(f"{shop.model.name} {name}", PACE.get(name, PACE["train"]))
        rows.append(Expected(name, key, found is not None, images * seconds / 60))
        form = stage.gives(current.form)
        assert form is not None
        current = found or Candidate(key, shop.model.name, form, shop.store.folder(key), (*current.lineage, step))
    return rows


def paces(shop: Workshop) -> Path:
    """Where seconds per image of each stage are kept for this machine."""
    return shop.store.root / "machines" / shop.machine / "paces.json"


def note(shop: Workshop, step: Step, seconds: float) -> None:
    """Remember how long a stage took per image."""
    known = read_json(paces(shop)) or {}
    images = int(step.settings.get("images", 1))
    write_json(paces(shop), {**known, f"{shop.model.name} {step.stage}": seconds / images})
