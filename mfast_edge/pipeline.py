"""Walks a plan from nothing to the best candidate, doing nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mfast_edge.candidate import Candidate, Step, child_key
from mfast_edge.judge import Judge, Verdict
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

    Ends after `until`, if given, and before a stage that cannot take what is left: an export that does not
    find what its network finds is no parent for anything.
    """
    rows: list[Row] = []
    current, base = shop.root, None
    for name, stage in plan.stages:
        if stage.gives(current.form) is None:
            break
        child, seconds = make(name, stage, current, shop, plan.seed)
        verdict = judge.verdict(name, base, current, child)
        rows.append(Row(name, child, verdict, seconds))
        tell(rows[-1])
        base = base or child
        current = child if verdict.keep else current
        if name == until:
            break
    return rows


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
