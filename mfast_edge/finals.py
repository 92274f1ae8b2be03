"""The best trials of a search timed again, in the same rounds: the best of many quick clocks is often a lucky one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
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


def finals(trials: Trials, answers: Sequence[Finished]) -> list[Finished]:
    """The trials that the winner's rule puts first, with the figures of a new clock: the target's whole protocol,
    all of them and the reference in the same rounds, once. None where no clock decides, or it only predicts.

    Without those that pass a limit by it, unless all do; one whose network is in another machine's store keeps
    the figures that it has.
    """
    space = trials.space
    if not space.clocked or space.clock == "predicted" or not answers:
        return []
    best = ranked(answers, trials)
    place = trials.shelf / f"finals-{digest([trials.question(), sorted(one.number for one in best)])[:16]}.json"
    if (ratios := read_json(place)) is None:
        trials.tell(f"the {len(best)} best are timed again, nothing else running")
        write_json(place, ratios := clocked(trials, best))
    found = [timed(trials, one, ratios.get(str(one.number))) for one in best]
    within = [one for one in found if not over(facts(one), space.limits, trials.scale.facts)]
    return within or found


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
                files[str(one.number)] = kept.enter_context(made(ready))[1]
            elif candidate := ready.shop.store.find(one.key):
                files[str(one.number)] = stand_in(ready.shop, candidate)
        yield files


def timed(trials: Trials, one: Finished, ratio: float | None) -> Finished:
    """A trial with another time."""
    if ratio is None:
        return one
    new: Mapping[str, Any] = {"ms": ratio * trials.scale.facts.ms, "ratio": ratio}
    return replace(one, figures=trials.scored({**one.figures, **new}))


def facts(one: Finished) -> Facts:
    """What limits are about."""
    figures: Mapping[str, Any] = one.figures
    return Facts(**{name: figures[name] for name in Facts.__slots__})
