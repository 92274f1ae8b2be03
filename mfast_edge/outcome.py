"""What came of a search, as JSON: counts, the winner, every trial and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mfast_edge.winner import Finished, chosen

if TYPE_CHECKING:
    from mfast_edge.finals import Final
    from mfast_edge.spaces import Space
    from search.study import Trial


def outcome(space: Space, found: Sequence[Trial], finals: Sequence[Final]) -> dict[str, Any]:
    """Space, counts, winner, what was timed again for it, and trials."""
    answers = answered(found)
    within = [one.trial for one in finals if one.within] or [one.trial for one in finals]  # all are over: the best
    won = winner(space, within or answers)
    if won and (anew := sum(one.anew for one in finals)):
        won["why"] += f"; of {len(answers)} complete trials the {anew} best were timed again"
    again = [{"id": one.trial.id, "figures": dict(one.trial.figures), "within": one.within} for one in finals]
    return {
        "space": space.model_dump(mode="json"),
        "counts": counts(found),
        "winner": won,
        "finals": again,
        "trials": [one(trial) for trial in found],
    }


def counts(found: Sequence[Trial]) -> dict[str, int]:
    """How many trials came to what; finished are all but failed and running ones."""
    states = ("complete", "rejected", "pruned", "failed", "running")
    each = {state: sum(trial.state == state for trial in found) for state in states}
    return {"finished": sum(trial.number is not None for trial in found), **each}


def answered(found: Sequence[Trial]) -> list[Finished]:
    """The complete trials with their figures."""
    complete = [trial for trial in found if trial.state == "complete" and "figures" in trial.notes]
    return [Finished(trial.id, trial.params, trial.notes["figures"], trial.notes["key"]) for trial in complete]


def winner(space: Space, answers: Sequence[Finished]) -> dict[str, Any] | None:
    """The winner, and why; None where no trial was answered."""
    if not answers:
        return None
    found, why = chosen(answers, space.objectives, space.least)
    return {"id": found.id, "why": why, "params": dict(found.params), "figures": dict(found.figures)}


def one(trial: Trial) -> dict[str, Any]:
    """A trial as JSON: settings, state, values, lineage."""
    told = {name: getattr(trial, name) for name in ("id", "number", "state", "why", "retried", "worker")}
    curve = [[step, value] for step, value in trial.curve.items()]
    more = {"parents": list(trial.parents), "seconds": round(trial.seconds, 1), "curve": curve}
    more |= {"begun": str(trial.begun or ""), "ended": str(trial.ended or "")}
    notes = {"key": trial.notes.get("key"), "figures": trial.notes.get("figures", {}), "cpu": trial.notes.get("cpu")}
    return {**told, "params": dict(trial.params), "values": list(trial.values), **more, **notes}


def often(found: Sequence[Trial]) -> str:
    """Why trials came to nothing: the reason that was told last, or what became of the last one."""
    why = [trial.why for trial in found if trial.why] or [trial.state for trial in found] or ["there was no time"]
    return why[-1]
