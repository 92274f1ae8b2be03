"""What a network will weigh and take, before it is trained: its untrained graph counted, weighed and timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from mfast_edge.candidate import digest
from mfast_edge.diagnosis import graphic, graphs
from mfast_edge.judge import alone, race
from mfast_edge.latency import layers
from mfast_edge.metrics.weight import size
from mfast_edge.runners import stand_in
from mfast_edge.store import Store, read_json, turn, write_json

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.plan import Plan
    from mfast_edge.spaces import Limits
    from mfast_edge.target import Precision
    from mfast_edge.workshop import Workshop

FEWER = 3  # times fewer rounds than for a verdict
SHAPING = ("refit", "decompose", "prune")  # stages behind which an untrained network has another shape than at the end


@dataclass(frozen=True, slots=True)
class Ready:
    """What a trial's settings come to: a plan and the surroundings in which it is run."""

    plan: Plan
    shop: Workshop

    def upto(self, stage: str) -> Ready:
        """The same, ended with a stage."""
        names = [name for name, _ in self.plan.stages]
        return replace(self, plan=replace(self.plan, stages=self.plan.stages[: names.index(stage) + 1]))

    @property
    def shapes(self) -> bool:
        """Whether only training can tell what the network will be."""
        return any(name in SHAPING for name, _ in self.plan.stages)


@dataclass(frozen=True, slots=True)
class Facts:
    """A network's parameters, the multiply-adds, MB and ms of its graph, and ms / those of the reference."""

    parameters: int
    macs: int
    mb: float
    ms: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Scale:
    """The reference's graph, which every other one is timed beside, so that what slows this machine down cancels."""

    graph: Path
    facts: Facts
    clock: Literal["measured", "predicted"]


def scale(ready: Ready, folder: Path, clock: Literal["measured", "predicted"]) -> Scale:
    """The reference as it lies in `folder`, or measured now; one process at a time."""
    place = folder / f"reference-{asked(ready, clock)}"
    with quiet(ready.shop):
        told, graph = read_json(place.with_suffix(".json")), place.with_suffix(".onnx")
        if told is None or not graph.is_file():
            with made(ready) as (candidate, found):
                folder.mkdir(parents=True, exist_ok=True)
                graph.write_bytes(found.read_bytes())
                ms = predicted(ready, candidate) if clock == "predicted" else alone(swift(ready.shop), found)[1]
                told = asdict(facts(ready.shop, candidate, found, (ms, 1.0)))
            write_json(place.with_suffix(".json"), told)
    return Scale(graph, Facts(**told), clock)


def foresee(ready: Ready, beside: Scale, folder: Path, limits: Limits) -> Facts:
    """The facts of what a trial would train, as they lie in `folder`, or found now: nothing is trained.

    What is too heavy already is not timed: its ms and ratio are 0.
    """
    place = folder / f"{asked(ready, beside.clock)}-{beside.graph.stem.rpartition('-')[2]}.json"
    with quiet(ready.shop):
        if (told := read_json(place)) is None:
            with made(ready) as (candidate, graph):
                counted = facts(ready.shop, candidate, graph, (0.0, 0.0))
                if over(counted, limits, beside.facts):
                    return counted
                ms, ratio = timed(ready, candidate, graph, beside)
            told = asdict(replace(counted, ms=ms, ratio=ratio))
            write_json(place, told)
    return Facts(**told)


def found(ready: Ready, final: Candidate, beside: Scale, folder: Path) -> Facts:
    """The same of a candidate that a trial made, whose shape only its training told."""
    place = folder / f"{digest([final.key, asked(ready, beside.clock), beside.graph.stem])}.json"
    with quiet(ready.shop):
        if (told := read_json(place)) is None:
            graph = stand_in(ready.shop, final)
            origin = ready.shop.store.origin(final)
            told = asdict(facts(ready.shop, origin, graph, timed(ready, origin, graph, beside)))
            write_json(place, told)
    return Facts(**told)


@contextmanager
def made(ready: Ready) -> Iterator[tuple[Candidate, Path]]:
    """The untrained network in a passing folder, and the last graph that the plan would make of it."""
    with TemporaryDirectory() as folder:
        passing = replace(ready.shop, store=Store(Path(folder)), init=None, known={})
        *_, path = graphs(passing, ready.plan)
        last = passing.store.find(path.parent.name)
        assert last is not None, "graphs lie in the store"
        yield passing.store.origin(last), path


def facts(shop: Workshop, candidate: Candidate, graph: Path, taken: tuple[float, float]) -> Facts:
    """Counted, weighed, and what it took."""
    from export.macs import macs

    parameters = sum(one.numel() for one in shop.network(candidate).parameters())
    return Facts(parameters, macs(graph), size(graph), *taken)


def timed(ready: Ready, candidate: Candidate, graph: Path, beside: Scale) -> tuple[float, float]:
    """(ms, ms / the reference's)."""
    if beside.clock == "predicted":
        ms = predicted(ready, candidate)
        return ms, ms / beside.facts.ms
    ratio = race(swift(ready.shop), {"child": graph, "parent": beside.graph})[1].median
    return ratio * beside.facts.ms, ratio


def swift(shop: Workshop) -> Workshop:
    """The same with a shorter protocol: a search compares many networks, and its winner is timed by the judge."""
    timing = shop.target.timing
    shorter = timing.model_copy(update={"rounds": max(5, timing.rounds // FEWER)})
    return replace(shop, target=shop.target.model_copy(update={"timing": shorter}))


def predicted(ready: Ready, candidate: Candidate) -> float:
    """ms by the latency tables, in the fastest runtime; what they lack is measured. UserError: a layer of no table."""
    shop = ready.shop
    told = layers(shop.network(candidate).cpu(), shop.example(shop.build).cpu())
    precision: Precision = "int8" if ready.plan.ends_in_int8 else "float32"
    return min(shop.table(runtime, precision, told).predict(told) for runtime in shop.target.measured)


def asked(ready: Ready, clock: str) -> str:
    """A name for all that decides what a plan's untrained network weighs and takes here."""
    target = ready.shop.target
    terms: list[Any] = [ready.shop.root.key, ready.plan.seed, clock, ready.shop.machine, target.model_dump(mode="json")]
    stages = [[name, stage.version, stage.model_dump(mode="json")] for name, stage in graphic(ready.plan, target)]
    return digest([*terms, stages])


def quiet(shop: Workshop) -> AbstractContextManager[None]:
    """Only one process of this machine measures at a time; the others wait."""
    return turn(shop.store.root / "machines" / shop.machine / "clock.lock")


def over(facts: Facts, limits: Limits, reference: Facts) -> list[str]:
    """A clause for each limit that is passed; `1.5x` is so many times the reference's."""
    wrong = []
    for name, limit in limits.items():
        value, most = getattr(facts, name), allowed(limit, getattr(reference, name))
        if value > most:
            wrong.append(f"{name} {short(value)}, limit {short(most)}")
    return wrong


def short(value: float) -> str:
    """87,430 or 0.3618."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def allowed(limit: float | str, reference: float) -> float:
    """A limit as a number."""
    return float(limit[:-1]) * reference if isinstance(limit, str) else limit
