"""One trial of a search: settings → limits → a training that is watched → what the search is for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.score import score
from mfast_edge.candidate import child_key, digest
from mfast_edge.data.loader import batches
from mfast_edge.data.photo import load as load_photo
from mfast_edge.errors import Diverged, UserError
from mfast_edge.foreseen import Facts, Ready, Scale, foresee, found, over, scale
from mfast_edge.judge import as_file, as_torch
from mfast_edge.models.detections import detect
from mfast_edge.pipeline import make, patient, step_of
from mfast_edge.recipe import Recipe
from mfast_edge.runners import through
from search.study import Pruned, Rejected

if TYPE_CHECKING:
    from torch import nn

    from mfast_edge.candidate import Candidate
    from mfast_edge.plan import Plan, Stage
    from mfast_edge.spaces import Space
    from mfast_edge.tasks.task import Quality, Task
    from search.study import Report

PART = 200  # photos of val that a training is watched on
LOOKS = 10  # at a training, at most


@dataclass(frozen=True)
class Trials:
    """All trials of one search: what is searched, how settings become a plan, where it lies, whom it tells."""

    space: Space
    planned: Callable[[Mapping[str, Any]], Ready]
    folder: Path
    tell: Callable[[str], None]

    def attempt(self, params: Mapping[str, Any], report: Report) -> list[float]:
        """The objectives' values; as notes all figures, the key in the store, the machine, and the seconds that this
        process computed, before the training and in it: they do not depend on what else the machine does.

        Rejected, before any training wherever the network is known by then: settings that no plan takes, a limit, a
        training that diverges. Pruned: a training that the pruner gave up; nothing of it stays.
        """
        report.note("machine", self.base.shop.machine)
        begun = time.process_time()
        try:
            ready = self.ready(params)
            facts = None if ready.shapes else foresee(ready, self.scale, self.shelf, self.space.limits)
            self.admit(facts)
            before = time.process_time() - begun
            final = self.trained(ready, report, facts)
            report.note("cpu", {"before": before, "training": time.process_time() - begun - before})
            report.note("key", final.key)
            if facts is None:
                self.admit(facts := found(ready, final, self.scale, self.shelf))
        except (UserError, Diverged) as wrong:
            raise Rejected(str(wrong)) from None
        figures = self.figures(ready, final, facts)
        report.note("figures", figures)
        return [figures[name] for name in self.space.objectives]

    def ready(self, params: Mapping[str, Any]) -> Ready:
        """The plan and the network of a trial, with the proxy's settings, up to where trials end."""
        return self.planned({**self.space.proxy, **self.space.tree(params)}).upto(self.until)

    def admit(self, facts: Facts | None) -> None:
        """Rejected where a limit is passed."""
        if facts and (wrong := over(facts, self.space.limits, self.scale.facts)):
            raise Rejected("; ".join(wrong))

    def trained(self, ready: Ready, report: Report | None = None, facts: Facts | None = None) -> Candidate:
        """What the trial's stages make, out of the store as far as it is there; a training is watched for `report`."""
        current = ready.shop.root
        for name, stage in ready.plan.stages:
            looked = partial(self.standing, ready.shop.task, facts)
            watch = watching(ready, report, looked) if name == "train" and report else None
            current = self.made((name, stage), current, replace(ready, shop=replace(ready.shop, watch=watch)))
        return current

    def standing(self, task: Task, facts: Facts | None, quality: Quality) -> float:
        """What a pruner is told: the score so far where it is searched for, as else small fast networks would be given
        up, else the headline. A time that only training tells counts as the reference's."""
        if self.space.curve == "maximize":
            return task.headline(quality)
        f1, ms = self.par
        return score(quality.f1, facts.ms if facts else ms, f1_ref=f1, t_ref=ms)

    def made(self, row: tuple[str, Stage], parent: Candidate, ready: Ready) -> Candidate:
        """A stage's child; nothing is left of one that was given up. Waits while another process makes it."""
        shop, seed = ready.shop, ready.plan.seed
        try:
            return patient(lambda: make(*row, parent, shop, seed)[0])
        except (Pruned, Diverged):
            shop.store.discard(child_key(parent, step_of(*row, parent, shop, seed)))
            raise

    def figures(self, ready: Ready, final: Candidate, facts: Facts) -> dict[str, float]:
        """All that is known of a finished trial, by name."""
        return self.scored({**asdict(facts), **quality(ready, final)})

    def scored(self, figures: Mapping[str, float]) -> dict[str, float]:
        """The same, with the score of their F1 and ms where that is an objective."""
        told = dict(figures)
        if "score" in self.space.objectives:
            f1, ms = self.par
            told["score"] = score(told["f1"], told["ms"], f1_ref=f1, t_ref=ms)
        return told

    @cached_property
    def base(self) -> Ready:
        """The plan without a trial's settings."""
        return self.planned({})

    @cached_property
    def until(self) -> str:
        """The stage that trials end with."""
        return ending(self.space, self.base.plan)

    @property
    def shelf(self) -> Path:
        """Where the facts of networks lie."""
        return self.folder / "facts"

    @cached_property
    def scale(self) -> Scale:
        """The reference, untrained."""
        return scale(self.reference, self.folder, self.space.clock)

    @cached_property
    def reference(self) -> Ready:
        """The reference's plan, as trials are trained."""
        return self.planned({**self.space.proxy, **self.space.reference}).upto(self.until)

    @cached_property
    def par(self) -> tuple[float, float]:
        """What scores 1, F1 and ms: as given, or the reference's own, trained as trials are."""
        if given := self.space.score:
            return given.f1, given.ms
        self.tell("the reference is trained: its F1 and time score 1")
        return quality(self.reference, self.trained(self.reference))["f1"], self.scale.facts.ms

    @property
    def steps(self) -> int | None:
        """The last epoch that trials are looked at, where all train equally long."""
        if {"train.images", "train.batch"} & self.space.settings.keys():
            return None
        return looks(self.reference, training(self.reference))[1]

    def prepare(self) -> None:
        """Measure what all trials need, before several processes ask for it."""
        self.tell(f"the reference takes {self.scale.facts.ms:.3g} ms")
        if "score" in self.space.objectives:
            self.tell(f"the reference, trained as trials are, has F1 {self.par[0]:.3f}")

    def question(self) -> str:
        """A name for all that is asked: other data, plan, space or version of a stage are another study."""
        plan, shop = self.base.plan, self.base.shop
        stages = [[name, stage.version, stage.model_dump(mode="json")] for name, stage in plan.stages]
        space = self.space.model_dump(mode="json", exclude={"name", "title", "winner"})
        reads = shop.digests(("data", "init"))
        goals, target = list(self.space.objectives), shop.target.model_dump(mode="json")
        return digest([space, goals, stages, reads, shop.root.key, target, plan.seed])[:8]


def ending(space: Space, plan: Plan) -> str:
    """The stage that trials end with. UserError for settings that the plan lacks."""
    names = [name for name, _ in plan.stages]
    where = f"space {space.name}"
    if "train" not in names:
        raise UserError(f"{where}: plan {plan.name} trains nothing; a plan with train would be right")
    if odd := [knob for knob in space.settings if knob.partition(".")[0] not in ("model", *names)]:
        raise UserError(
            f"{where}.settings: {', '.join(odd)}: not in plan {plan.name}; known: model, {', '.join(names)}"
        )
    if space.until == "build_engine" or "build_engine" in {knob.partition(".")[0] for knob in space.settings}:
        raise UserError(f"{where}: an engine is not searched for; quantize, or the stage before, would be right")
    if space.until not in (None, *names):
        raise UserError(f"{where}.until: {space.until!r} is not a stage of plan {plan.name}: {', '.join(names)}")
    rooms = {knob.partition(".")[0] for knob in space.settings}
    last = max(place for place, name in enumerate(names) if name in rooms | {"train"})
    if space.until is not None and names.index(space.until) < last:
        raise UserError(f"{where}.until: {space.until} comes before {names[last]}, in which something varies")
    return space.until or names[last]


def quality(ready: Ready, final: Candidate) -> dict[str, float]:
    """The task's headline on val, and F1: of the graph where the trial made one, else of the network."""
    shop = ready.shop
    graph = final.form == "onnx"
    looked = as_file(shop, final, shop.target.measured[0], "val") if graph else as_torch(shop, final, "val")
    return {"quality": shop.task.headline(looked.quality), "f1": looked.quality.f1}


def training(ready: Ready) -> Recipe:
    """The plan's train."""
    stage = dict(ready.plan.stages)["train"]
    assert isinstance(stage, Recipe), "train learns"
    return stage


def watching(
    ready: Ready, report: Report, standing: Callable[[Quality], float]
) -> Callable[[nn.Module, int, int], None]:
    """What looks at a training from time to time, on the same few photos of val, and tells the pruner how it stands."""
    shop, every = ready.shop, looks(ready, training(ready))[0]
    val, facts = shop.data.splits["val"], shop.model.ready(shop.model.facts(shop.build))
    photos = val[:: ceil(len(val) / PART)]

    def watch(network: nn.Module, epochs: int, _: int) -> None:
        if epochs % every == 0:
            forward = through(network, shop.device)
            seen = [detect(load_photo(photo), forward, shop.model.decode, facts) for photo in photos]
            looked = shop.task.compare([photo.truth for photo in photos], seen, shop.data.classes)
            report(epochs, standing(looked))

    return watch


def looks(ready: Ready, stage: Recipe) -> tuple[int, int]:
    """After every how many epochs a training is looked at, and the last one of those."""
    epochs = ceil(stage.steps / batches(len(ready.shop.data.splits["train"]), stage.batch))
    every = ceil(epochs / LOOKS)
    return every, epochs // every * every
