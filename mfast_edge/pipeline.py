"""Walks a plan from nothing to the best candidate, doing nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mfast_edge import teacher
from mfast_edge.candidate import Candidate, Step, child_key, untouched
from mfast_edge.clocked import ready
from mfast_edge.errors import Busy
from mfast_edge.judge import Judge
from mfast_edge.plan import Plan, Stage, plain
from mfast_edge.stages.decompose import Decompose
from mfast_edge.store import read_json, write_json
from mfast_edge.verdict import Verdict, loss_over, overruled
from mfast_edge.workshop import Workshop

# Seconds per image of ssd_mbv1 x0.75 at 300 px on two CPU cores, until this machine has its own.
PACE = {"train": 0.035, "refit": 0.035, "distill": 0.05, "decompose": 0.035, "prune": 0.035, "qat": 0.15}
PACE |= {"export_onnx": 20.0, "quantize": 0.3, "cast_fp16": 0.3, "build_engine": 120.0}
PAUSE = 1.0  # seconds before asking again for what another process is making
Made = TypeVar("Made")


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
    one is taken back and the rest is walked again; where that does not save the later one, the first walk
    stands. A joint plan's end stays `within` the budget. Nothing is made or
    measured twice; a stage is told again when its verdict changed.
    """
    taken_back: dict[str, str] = {}
    seconds: dict[str, float | None] = {}
    told: dict[str, str] = {}  # key → the sentence told last
    walks: list[list[Row]] = []
    while True:
        rows: list[Row] = []
        for walked in once(plan, shop, judge, until, taken_back):
            key = walked.candidate.key
            rows.append(replace(walked, seconds=seconds.setdefault(key, walked.seconds)))
            news(rows[-1], told, tell)
        walks.append(rows)
        blamed = None if plan.joint else culprit(rows)
        if blamed is None:
            break
        taken_back[blamed] = f"with it {rows[-1].stage} would be over the budget"
    best = walks[-1] if walks[-1][-1].verdict.keep else walks[0]
    if plan.joint and until is None:
        best = within(plan, best, shop, judge)
    for row in best:
        news(row, told, tell)
    return best


def news(row: Row, told: dict[str, str], tell: Callable[[Row], None]) -> None:
    """Tell a row unless the same was told of it last."""
    key, sentence = row.candidate.key, row.verdict.sentence
    if told.get(key) != sentence:
        told[key] = sentence
        tell(row)


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


def within(plan: Plan, rows: list[Row], shop: Workshop, judge: Judge) -> list[Row]:
    """A joint plan's rows, ended within the budget.

    Where the end loses too much, or its int8 does and that of the first network is faster than what is left, the
    networks after the first are taken back and graphs are made of the first.
    """
    end = [row for row in rows if row.verdict.keep][-1]
    over = bool(end.verdict.loss and loss_over(end.verdict.loss, judge.budget))
    worst = end if over else rows[-1]
    if worst.verdict.loss is None or not (over or worst.verdict.over_budget):
        return rows
    bare = list(once(plain(plan), shop, judge, None, {}))
    if not over and not quicker(bare[-1].verdict, end.verdict):
        return rows
    why = f"with it {worst.stage} would lose {worst.verdict.loss['points']:.2f} points of {judge.budget:g}"
    back = [row for row in rows[1:] if row.candidate.form == "torch"]
    return [rows[0], *(replace(row, verdict=overruled(row.verdict, why)) for row in back), *bare[1:]]


def quicker(one: Verdict, other: Verdict) -> bool:
    """Whether one that is kept took less time than the other."""
    return one.keep and one.ms is not None and other.ms is not None and one.ms < other.ms


def culprit(rows: list[Row]) -> str | None:
    """The last kept stage that pays less than the last row of all, where that one is over the budget."""
    last = rows[-1].verdict
    if not last.over_budget or last.ratio is None:
        return None
    kept = [row for row in rows if row.verdict.keep and row.verdict.ratio]
    less = [row.stage for row in kept if row.verdict.ratio and row.verdict.ratio["median"] > last.ratio["median"]]
    return less[-1] if less else None


def step_of(name: str, stage: Stage, parent: Candidate, shop: Workshop, seed: int) -> Step:
    """What enters the key of the stage's child; of measured ratios what the clock said, not that it was asked."""
    settings = stage.model_dump(mode="json")
    reads = shop.digests(stage.reads, teacher.key(settings.get("teacher"), parent, shop.root))
    if isinstance(stage, Decompose):
        reads["ratios"] = stage.ratios(parent, shop).digest
    return Step(name, stage.version, settings, seed, reads)


def make(name: str, stage: Stage, parent: Candidate, shop: Workshop, seed: int) -> tuple[Candidate, float | None]:
    """The stage's child from the store, or made now; the seconds that took.

    What the stage wants to know of the clock is measured first, once: what it makes is a function of its key.
    """
    step = step_of(name, stage, parent, shop, seed)
    if shop.store.find(child_key(parent, step)) is None:
        ready(stage, parent, shop)
        step = step_of(name, stage, parent, shop, seed)
    key = child_key(parent, step)
    if found := shop.store.find(key):
        return found, None
    form = stage.gives(parent.form)
    assert form is not None, f"{name} was let through the plan"
    begun = time.monotonic()
    with shop.store.work(key) as work:
        whole = not any(work.state.iterdir())
        stage.run(parent, work, shop)
        made = shop.store.keep(work, parent, step, key, form)
    seconds = time.monotonic() - begun
    # What goes on from a killed run's state, or trains nothing, says nothing of how long the whole takes.
    if whole and step.settings.get("images") != 0 and not untouched(parent, made):
        note(shop, step, seconds)
    return made, seconds


def patient(work: Callable[[], Made]) -> Made:
    """What `work` gives; as long as another process is at the very same, it is waited for and asked again."""
    while True:
        try:
            return work()
        except Busy:
            time.sleep(PAUSE)


@dataclass(frozen=True, slots=True)
class Expected:
    """A stage of a plan that was not run: its key, and the minutes it may take (without those of its judging)."""

    stage: str
    key: str
    done: bool
    minutes: float

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def expected(plan: Plan, shop: Workshop, judge: Judge) -> list[Expected]:
    """What `walk` would do by the verdicts that are stored, every other stage kept.

    Minutes are from this machine's earlier runs of the same build, else from a 2-core CPU's.
    """
    current, rows = shop.root, list[Expected]()
    pace = read_json(paces(shop)) or {}
    for name, stage in plan.stages:
        form = stage.gives(current.form)
        if form is None:  # as in `once`
            return rows
        step = step_of(name, stage, current, shop, plan.seed)
        key = child_key(current, step)
        found = shop.store.find(key)
        images = int(step.settings.get("images", 1))
        seconds = pace.get(paced(shop, step), PACE.get(name, PACE["train"]))
        rows.append(Expected(name, key, found is not None, images * seconds / 60))
        child = found or Candidate(key, shop.model.name, form, shop.store.folder(key), (*current.lineage, step))
        verdict = judge.stored(current, child)
        current = child if verdict is None or verdict.keep else current
    return rows


def paces(shop: Workshop) -> Path:
    """Where seconds per image of each stage are kept for this machine."""
    return shop.store.root / "machines" / shop.machine / "paces.json"


def note(shop: Workshop, step: Step, seconds: float) -> None:
    """Remember how long a stage took per image."""
    known = read_json(paces(shop)) or {}
    images = int(step.settings.get("images", 1))
    write_json(paces(shop), {**known, paced(shop, step): seconds / images})


def paced(shop: Workshop, step: Step) -> str:
    """What has a pace of its own: a stage of the model as built, at a batch size, with a teacher, in n processes."""
    taught = " taught" if "teacher" in step.reads else ""
    many = f" x{shop.crew.size}" if shop.crew.size > 1 else ""
    return f"{shop.model.name} {shop.root.key} {step.stage} {step.settings.get('batch', '')}".rstrip() + taught + many
