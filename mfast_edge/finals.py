"""The best trials of a search timed again, in the same rounds: the best of many quick clocks is often a lucky one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks import timing
from mfast_edge.candidate import digest
from mfast_edge.foreseen import Facts, made, over, quiet
from mfast_edge.judge import quickest, raced
from mfast_edge.runners import stand_in
from mfast_edge.store import read_json, write_json
from mfast_edge.winner import Finished, chosen

if TYPE_CHECKING:
    from pathlib import Path

    from mfast_edge.trials import Trials

MOST = 10  # trials


@dataclass(frozen=True, slots=True)
class Final:
    """A trial with the figures that decide, whether they have a new time, and whether they are within the limits."""

    trial: Finished
    anew: bool
    within: bool


def finals(trials: Trials, answers: Sequence[Finished]) -> list[Final]:
    """The trials that the winner's rule puts first, with the figures of a new clock: the target's whole protocol,
    all of them and the reference in the same rounds, once. None where no clock decides, or it only predicts.

    One whose network is in another machine's store keeps the figures that it has.
    """
    space = trials.space
    if not space.clocked or space.clock == "predicted" or not answers:
        return []
    best = ranked(answers, trials)
    asked = [trials.question(), trials.base.shop.machine, sorted([one.id, one.key, dict(one.params)] for one in best)]
    place = trials.shelf / f"finals-{digest(asked)[:16]}.json"
    if (ratios := read_json(place)) is None:
        trials.tell(f"the {len(best)} best are timed again, nothing else running")
        write_json(place, ratios := clocked(trials, best))
    return [final(trials, one, ratios.get(str(one.id))) for one in best]


def ranked(answers: Sequence[Finished], trials: Trials) -> list[Finished]:
    """The first few, each the winner among those that are left."""
    left, found = list(answers), list[Finished]()
    while left and len(found) < MOST:
        found.append(chosen(left, trials.space.objectives, trials.space.least)[0])
        left.remove(found[-1])
    return found


def clocked(trials: Trials, best: Sequence[Finished]) -> dict[str, float]:
    """{number of a trial: time of its graph / time of the reference's}."""
    shop, reference = trials.base.shop, trials.scale.graph  # which may be timed now, and waits for its turn too
    with graphs(trials, best) as files, quiet(shop):
        series = raced(shop, {**files, "reference": reference})
        par = quickest(series, "reference")
        return {name: timing.ratio(quickest(series, name), par).median for name in files}


@contextmanager
def graphs(trials: Trials, best: Sequence[Finished]) -> Iterator[dict[str, Path]]:
    """{number of a trial: its graph}: the untrained one, or what the training shaped, where the store holds it."""
    files = {}
    with ExitStack() as kept:
        for one in best:
            ready = trials.ready(one.params)
            if not ready.shapes:
                files[str(one.id)] = kept.enter_context(made(ready))[1]
            elif candidate := ready.shop.store.find(one.key):
                files[str(one.id)] = stand_in(ready.shop, candidate)
        yield files


def final(trials: Trials, one: Finished, ratio: float | None) -> Final:
    """A trial with another time, if there is one."""
    new: Mapping[str, Any] = {} if ratio is None else {"ms": ratio * trials.scale.facts.ms, "ratio": ratio}
    timed = replace(one, figures=trials.scored({**one.figures, **new})) if new else one
    figures: Mapping[str, Any] = timed.figures
    facts = Facts(**{name: figures[name] for name in Facts.__slots__})
    return Final(timed, bool(new), not over(facts, trials.space.limits, trials.scale.facts))
