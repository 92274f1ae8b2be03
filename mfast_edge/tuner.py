"""Joins search to the pipeline: parameters → plan → how fast the result is, within the budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.candidate import digest
from mfast_edge.errors import Diverged, UserError
from mfast_edge.foreseen import SHAPING
from mfast_edge.judge import Judge, race
from mfast_edge.model import anchored
from mfast_edge.pipeline import expected, make, once, patient, walk
from mfast_edge.plan import plain
from mfast_edge.ratios import FASTER
from mfast_edge.runners import float_graph, stand_in
from mfast_edge.settings import names
from mfast_edge.spaces import flat
from mfast_edge.stages.quantize import among
from mfast_edge.store import read_json, turn, write_json
from mfast_edge.verdict import loss_over
from search.space import SpaceError, parse
from search.study import Rejected, Settings, StudyError, read, run

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.model import Model
    from mfast_edge.pipeline import Row
    from mfast_edge.plan import Plan
    from mfast_edge.workshop import Workshop


def space_of(plan: Plan, model: Model) -> Mapping[str, Any]:
    """{dotted setting: knob} of what may vary in a plan: configs/spaces/<its name>.yaml, else the space of full
    for a plan that is judged as a whole and of quick for any other; only knobs that turn something in it, for a
    model without anchors none that is about them."""
    name = plan.name if plan.name in names("spaces") else "full" if plan.joint else "quick"
    stages = {stage: made.model_dump(mode="json") for stage, made in plan.stages}
    prune = stages.get("prune", {})
    aimed = prune.get("target_ms") or prune.get("keep_ms")  # decides instead of a share of the multiply-adds
    idle = {"prune.keep"} if aimed else set()
    idle |= set() if anchored(model) else {"refit.anchors", "refit.share"}
    return {
        dotted: knob for dotted, knob in flat(name).items() if dotted.partition(".")[0] in stages and dotted not in idle
    }


class OutOfTime(Exception):
    """A trial would take longer than may still be searched; it is the next one where there is more time."""


@dataclass(frozen=True, slots=True)
class Tuner:
    """One search: how parameters become a plan, what it runs in, whom it tells."""

    planned: Callable[[Mapping[str, Any]], Plan]
    plan: Plan
    shop: Workshop
    folder: Path
    tell: Callable[[str], None]
    storage: Path | str | None = None  # the folder's own journal if None

    def best(self, trials: int | None, hours: float | None) -> Plan:
        """The plan with the settings, out of its space, whose final file is fastest within the budget.

        Each trial is a whole run of the plan on val; what trials share (the training) is in the store once. The
        search ends after so many trials or hours of trials, counted over all runs of the same question, before
        a trial that is expected to take longer than is left, or when nothing is left to try. Where no trial
        came to a network within the budget, and that is told, the plan without what shapes networks.
        """
        if not self.knobs:
            raise UserError(f"--search: nothing to vary in plan {self.plan.name}; one with prune would be right")
        why = self.searched(trials, hours)
        if found := self.shared(read_json(self.kept)):
            self.tell(f"best: {found['params']}, {found['ratio']:.3f} of the float network's time")
            return self.planned(found["params"])
        bare = plain(self.plan)
        gone = [name for name, _ in self.plan.stages if name not in dict(bare.stages)]
        self.tell(f"{why}: {', '.join(name for name, _ in bare.stages)} without {', '.join(gone) or 'a search'}")
        return bare

    def searched(self, trials: int | None, hours: float | None) -> str:
        """Search, and say what came of it where it found nothing."""
        try:
            space = parse(self.knobs)
            done = run(
                lambda params, _: [self.attempt(params, hours)],
                space,
                self.settings,
                trials=trials,
                stop=None if hours is None else lambda: not self.left(hours) > 0,
            )
        except (SpaceError, StudyError) as wrong:
            raise UserError(f"--search: {wrong}") from None
        except OutOfTime as short:
            return str(short)
        if not done:
            return f"--hours {hours:g} leaves no time for a trial"
        return f"no trial of {len(done)} came to a network within {self.plan.budget:g} points"

    @property
    def settings(self) -> Settings:
        """The study's."""
        storage = self.storage or self.folder / "search.log"
        return Settings(self.question(), ("minimize",), self.plan.seed, storage, self.asked())

    def shared(self, mine: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The best that this folder knows, or the better one that another machine found in the same study."""
        if self.storage is None:
            return mine
        answered = [trial for trial in read(self.settings) if trial.state == "complete"]
        best = min(answered, key=lambda trial: trial.values[0], default=None)
        if best is None or (mine and mine["ratio"] <= best.values[0]):
            return mine
        return {"params": dict(best.params), "ratio": best.values[0]}

    @property
    def knobs(self) -> Mapping[str, Any]:
        """What varies."""
        return space_of(self.plan, self.shop.model)

    def asked(self) -> dict[str, Any]:
        """The plan's own values of what may vary: where a search begins. A size left open is the network's."""
        stages = {name: stage.model_dump(mode="json") for name, stage in self.plan.stages}
        values = {dotted: stages[dotted.partition(".")[0]].get(dotted.partition(".")[2]) for dotted in self.knobs}
        if "refit.size" in values and values["refit.size"] is None:
            values["refit.size"] = self.shop.build.model_dump(mode="json").get("size")
        return {dotted: value for dotted, value in values.items() if value is not None}

    def question(self) -> str:
        """A name for what is asked, all of it: another budget, init, size, stage setting or version of a stage,
        other knobs or another machine are another study."""
        stages = [[name, stage.version, stage.model_dump(mode="json")] for name, stage in self.plan.stages]
        reads = self.shop.digests(("data", "init"))
        asked = [
            stages,
            self.knobs,
            self.shop.machine,
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
        faster than the best so far, or cannot be made. OutOfTime: it would take longer than there is time."""
        best = read_json(self.kept)
        with self.timer():
            try:
                plan = self.planned(params)
                if not self.done(plan, params, hours) and best and plan.joint:
                    patient(lambda: self.sort_out(plan, params, best["ratio"]))
                rows = patient(lambda: self.walked(plan))
            except UserError as wrong:  # settings that cannot be reached, such as a share below what widths allow
                raise self.rejected(params, str(wrong)) from None
            except Diverged as wrong:
                if not expected(plan, self.shop, self.judge(plan))[0].done:  # what all trials share
                    raise
                raise self.rejected(params, str(wrong)) from None
            return self.weighed(params, rows, best)

    def done(self, plan: Plan, params: Mapping[str, Any], hours: float | None) -> bool:
        """Whether the store holds all of a trial already; OutOfTime where the rest would take too long."""
        ahead = [stage for stage in expected(plan, self.shop, self.judge(plan)) if not stage.done]
        minutes = sum(stage.minutes for stage in ahead)
        if hours is not None and minutes * 60 > (left := self.left(hours)):
            raise OutOfTime(f"{dict(params)} would take about {minutes:.1f} minutes, {max(left, 0) / 60:.1f} are left")
        return not ahead

    def walked(self, plan: Plan) -> list[Row]:
        """The trial's stages; a joint plan's as they are, for none to be taken back."""
        if plan.joint:
            return list(once(plan, self.shop, self.judge(plan), None, {}))
        return walk(plan, self.shop, self.judge(plan), until=None, tell=lambda _: None)

    def weighed(self, params: Mapping[str, Any], rows: list[Row], best: Mapping[str, Any] | None) -> float:
        """The ratio of a finished trial, which is put on disk where it is the best so far; Rejected: over budget.

        Where only the int8 of a joint plan loses too much, the trial does: its run would take all of it back.
        """
        last = rows[-1]
        final = last if self.plan.joint and last.verdict.over_budget else [row for row in rows if row.verdict.keep][-1]
        ratio = self.timed(rows[0].candidate, final.candidate)
        loss = final.verdict.loss or {"points": 0.0}
        self.tell(f"{dict(params)}: {ratio:.3f} of the float time, {loss['points']:.2f} points lost on val")
        if loss_over(loss, self.plan.budget):
            raise Rejected
        told = {"params": dict(params), "ratio": ratio, "points": loss["points"], "file": str(final.candidate.file)}
        with self.turn():
            best = read_json(self.kept)  # another worker may have found a better one meanwhile
            if best is None or ratio < best["ratio"]:
                write_json(self.kept, told)
        return ratio

    def sort_out(self, plan: Plan, params: Mapping[str, Any], best: float) -> None:
        """Rejected where the network, shaped but not trained, is no faster than the best. UserError: no such shape."""
        shaped = self.shaped(plan)
        probe = self.judge(plan).clocked(shaped[-1])
        ratio = race(self.shop, {"child": probe, "parent": float_graph(self.shop, shaped[0])})[1].median
        if ratio > best * FASTER:
            raise self.rejected(params, f"{ratio:.3f} of the float time before any training, the best has {best:.3f}")

    def shaped(self, plan: Plan) -> list[Candidate]:
        """The trained network, and what the plan makes of its shape, without any recovery."""
        found = [self.shop.root]
        for name, stage in plan.stages:
            if name in ("train", *SHAPING) and stage.gives(found[-1].form) == "torch":
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
            seconds = time.monotonic() - begun
            with self.turn():
                before = float((read_json(self.spent) or {"seconds": 0.0})["seconds"])
                write_json(self.spent, {"seconds": before + seconds})

    def turn(self) -> AbstractContextManager[None]:
        """Only one worker at a time reads and writes what is kept and spent."""
        return turn(self.folder / ".search.lock")

    def timed(self, base: Candidate, final: Candidate) -> float:
        """The ratio, measured once for each machine, number of threads, choice of runtimes and protocol."""
        target = self.shop.target
        terms = digest([target.measured, target.threads, target.opset, target.timing.model_dump(mode="json")])
        place = self.folder / "trials" / f"{base.key}-{final.key}-{self.shop.machine}-{terms[:6]}.json"
        if (told := read_json(place)) is None:
            graphs = {"child": stand_in(self.shop, final), "parent": float_graph(self.shop, base)}
            told = {"ratio": race(self.shop, graphs)[1].median}
            write_json(place, told)
        return float(told["ratio"])
