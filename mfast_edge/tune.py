"""Joins search to the pipeline: parameters → plan → how fast the result is, within the budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.candidate import digest
from mfast_edge.errors import UserError
from mfast_edge.judge import FASTER, Judge, race
from mfast_edge.pipeline import expected, make, walk
from mfast_edge.runners import float_graph
from mfast_edge.settings import named, names
from mfast_edge.stages.quantize import among
from mfast_edge.store import read_json, write_json
from search.space import SpaceError, parse
from search.study import Rejected, Settings, StudyError, run

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.pipeline import Row
    from mfast_edge.plan import Plan
    from mfast_edge.workshop import Workshop

SHAPING = ("train", "refit", "decompose", "prune")  # stages that decide how fast a network is


def space_of(plan: str) -> Mapping[str, Any]:
    """{dotted setting: knob} of configs/spaces/<plan>.yaml; of quick's where the plan has none."""
    tree = named("spaces", plan if plan in names("spaces") else "quick", "--search")
    return {name: knob for name, knob in tree.items() if name != "name"}


@dataclass(frozen=True, slots=True)
class Tuner:
    """One search: how parameters become a plan, what it runs in, whom it tells."""

    planned: Callable[[Mapping[str, Any]], Plan]
    plan: Plan
    shop: Workshop
    folder: Path
    tell: Callable[[str], None]

    def best(self, trials: int | None, hours: float | None) -> Mapping[str, Any]:
        """The settings, out of configs/spaces, whose final file is fastest within the budget.

        Each trial is a whole run of the plan on val; what trials share (the training) is in the store once. The
        search ends after so many trials or hours of trials, counted over all runs of the same question.
        """
        stages = dict(self.plan.stages)
        knobs = {name: knob for name, knob in space_of(self.plan.name).items() if name.partition(".")[0] in stages}
        if not knobs:
            raise UserError(f"--search: nothing to vary in plan {self.plan.name}; one with prune would be right")
        try:
            space = parse(knobs)
            settings = Settings(
                self.question(), ("minimize",), self.plan.seed, self.folder / "search.log", self.asked(knobs)
            )
            run(
                lambda params: [self.attempt(params, hours)],
                space,
                settings,
                trials=trials,
                stop=None if hours is None else lambda: self.left(hours) <= 0,
            )
        except (SpaceError, StudyError) as wrong:
            raise UserError(f"--search: {wrong}") from None
        found = read_json(self.kept)
        if not found:
            raise UserError(
                f"--search: no trial stayed within {self.plan.budget:g} points; "
                "a larger --budget, or more trials or hours, would be right"
            )
        self.tell(f"best: {found['params']}, {found['ratio']:.3f} of the float network's time")
        return dict(found["params"])

    def asked(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """The plan's own values of what may vary: where a search begins."""
        stages = {name: stage.model_dump(mode="json") for name, stage in self.plan.stages}
        values = ((dotted, stages[dotted.partition(".")[0]].get(dotted.partition(".")[2])) for dotted in knobs)
        return {dotted: value for dotted, value in values if value is not None}

    def question(self) -> str:
        """A name for what is asked, all of it: another budget, init, size or stage setting is another study."""
        stages = [[name, stage.model_dump(mode="json")] for name, stage in self.plan.stages]
        reads = self.shop.digests(("data", "init"))
        asked = [
            stages,
            self.plan.budget,
            self.plan.seed,
            self.shop.root.key,
            reads,
            self.shop.target.model_dump(mode="json"),
        ]
        return f"{self.shop.model.name} {self.shop.target.name} {digest(asked)}"

    @property
    def kept(self) -> Path:
        """Where the best so far is named: its settings, ratio, loss and file."""
        return self.folder / f"best-{digest(self.question())[:8]}.json"

    @property
    def spent(self) -> Path:
        """Where the seconds of all trials are added up."""
        return self.folder / f"spent-{digest(self.question())[:8]}.json"

    def left(self, hours: float) -> float:
        """Seconds that may still be searched."""
        return hours * 3600 - float((read_json(self.spent) or {"seconds": 0.0})["seconds"])

    def attempt(self, params: Mapping[str, Any], hours: float | None) -> float:
        """Time of the trial's final graph / time of the float network; Rejected where it lost too much, cannot be
        faster than the best so far, or would take longer than there is time."""
        plan, best = self.planned(params), read_json(self.kept)
        with self.timer():
            if best and plan.joint:
                self.sort_out(plan, params, best["ratio"], hours)
            try:
                rows = walk(plan, self.shop, self.judge(plan), until=None, tell=lambda _: None)
            except UserError as wrong:  # settings that cannot be reached, such as a share below what widths allow
                raise self.rejected(params, str(wrong)) from None
            return self.weighed(params, rows, best)

    def weighed(self, params: Mapping[str, Any], rows: list[Row], best: Mapping[str, Any] | None) -> float:
        """The ratio of a finished trial, which is put on disk where it is the best so far; Rejected: over budget."""
        final = [row for row in rows if row.verdict.keep][-1]
        ratio = self.timed(rows[0].candidate, final.candidate)
        lost = (final.verdict.loss or {"points": 0.0})["points"]
        self.tell(f"{dict(params)}: {ratio:.3f} of the float time, {lost:.2f} points lost on val")
        if lost > self.plan.budget:
            raise Rejected
        if best is None or ratio < best["ratio"]:
            file = str(final.candidate.file)
            write_json(self.kept, {"params": dict(params), "ratio": ratio, "points": lost, "file": file})
        return ratio

    def sort_out(self, plan: Plan, params: Mapping[str, Any], best: float, hours: float | None) -> None:
        """Rejected where the network, shaped but not trained, is no faster than the best, or time is too short."""
        try:
            shaped = self.shaped(plan)
        except UserError as wrong:
            raise self.rejected(params, str(wrong)) from None
        probe = self.judge(plan).graph(shaped[-1])
        ratio = race(self.shop, {"child": probe, "parent": float_graph(self.shop, shaped[0])})[1].median
        if ratio > best * FASTER:
            raise self.rejected(params, f"{ratio:.3f} of the float time before any training, the best has {best:.3f}")
        minutes = sum(e.minutes for e in expected(plan, self.shop, self.judge(plan)) if not e.done)
        if hours is not None and minutes * 60 > self.left(hours):
            raise self.rejected(params, f"about {minutes:.0f} minutes; less time is left")

    def shaped(self, plan: Plan) -> list[Candidate]:
        """The trained network, and what the plan makes of its shape, without any recovery."""
        found = [self.shop.root]
        for name, stage in plan.stages:
            if name in SHAPING and stage.gives(found[-1].form) == "torch":
                bare: Any = stage if name == "train" else stage.model_copy(update={"images": 0})  # type: ignore[attr-defined]
                found.append(make(name, bare, found[-1], self.shop, plan.seed)[0])
        return found[1:]

    def rejected(self, params: Mapping[str, Any], why: str) -> Rejected:
        """Told, and to be raised."""
        self.tell(f"{dict(params)}: {why}")
        return Rejected()

    def judge(self, plan: Plan) -> Judge:
        """The judge of a trial."""
        return Judge(self.shop, plan.budget, among(plan.stages), self.folder / "verdicts", plan.joint)

    @contextmanager
    def timer(self) -> Iterator[None]:
        """Adds the seconds inside to those spent, whatever comes of it."""
        begun = time.monotonic()
        try:
            yield
        finally:
            before = float((read_json(self.spent) or {"seconds": 0.0})["seconds"])
            write_json(self.spent, {"seconds": before + time.monotonic() - begun})

    def timed(self, base: Candidate, final: Candidate) -> float:
        """The ratio, measured once."""
        place = self.folder / "trials" / f"{base.key}-{final.key}-{self.shop.machine}.json"
        if (told := read_json(place)) is None:
            graphs = {"child": float_graph(self.shop, final), "parent": float_graph(self.shop, base)}
            told = {"ratio": race(self.shop, graphs)[1].median}
            write_json(place, told)
        return float(told["ratio"])
