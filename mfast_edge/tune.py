"""Joins search to the pipeline: parameters → plan → how fast the result is, within the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.candidate import digest
from mfast_edge.errors import UserError
from mfast_edge.judge import Judge, race
from mfast_edge.pipeline import walk
from mfast_edge.runners import float_graph
from mfast_edge.settings import named, names
from mfast_edge.store import read_json, write_json
from search.space import SpaceError, parse
from search.study import Rejected, Settings, StudyError, run

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.plan import Plan
    from mfast_edge.workshop import Workshop


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

    def best(self, trials: int) -> Mapping[str, Any]:
        """The settings, out of configs/spaces, whose final file is fastest within the budget.

        Each trial is a whole run of the plan on val; what trials share (the training) is in the store once.
        """
        stages = dict(self.plan.stages)
        knobs = {name: knob for name, knob in space_of(self.plan.name).items() if name.partition(".")[0] in stages}
        if not knobs:
            raise UserError(f"--search: nothing to vary in plan {self.plan.name}; one with prune would be right")
        try:
            space = parse(knobs)
            settings = Settings(self.question(), ("minimize",), self.plan.seed, self.folder / "search.log")
            done = run(lambda params: [self.attempt(params)], space, settings, trials=trials)
        except (SpaceError, StudyError) as wrong:
            raise UserError(f"--search: {wrong}") from None
        good = [trial for trial in done if trial.state == "complete"]
        if not good:
            raise UserError(
                f"--search: none of {trials} trials stayed within {self.plan.budget:g} points; "
                "a larger --budget or more trials would be right"
            )
        best = min(good, key=lambda trial: trial.values[0])
        self.tell(f"best of {len(done)} trials: {dict(best.params)}, {best.values[0]:.3f} of the float network's time")
        return best.params

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

    def attempt(self, params: Mapping[str, Any]) -> float:
        """Time of the trial's final graph / time of the float network; Rejected where it lost too much."""
        plan, shop = self.planned(params), self.shop
        judge = Judge(shop, plan.budget, plan.ends_in_int8, self.folder / "verdicts")
        try:
            rows = walk(plan, shop, judge, until=None, tell=lambda _: None)
        except UserError as wrong:  # settings that cannot be reached, such as a share below what widths allow
            self.tell(f"{dict(params)}: {wrong}")
            raise Rejected from None
        final = [row for row in rows if row.verdict.keep][-1]
        ratio = self.timed(rows[0].candidate, final.candidate)
        lost = (final.verdict.loss or {"points": 0.0})["points"]
        self.tell(f"{dict(params)}: {ratio:.3f} of the float time, {lost:.2f} points lost on val")
        if lost > plan.budget:
            raise Rejected
        return ratio

    def timed(self, base: Candidate, final: Candidate) -> float:
        """The ratio, measured once."""
        place = self.folder / "trials" / f"{base.key}-{final.key}-{self.shop.machine}.json"
        if (told := read_json(place)) is None:
            graphs = {"child": float_graph(self.shop, final), "parent": float_graph(self.shop, base)}
            told = {"ratio": race(self.shop, graphs)[1].median}
            write_json(place, told)
        return float(told["ratio"])
