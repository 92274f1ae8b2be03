"""What came of a search, as JSON: counts, the winner, every trial and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mfast_edge.winner import Finished, chosen

if TYPE_CHECKING:
    from mfast_edge.spaces import Space
    from search.study import Trial


def outcome(space: Space, found: Sequence[Trial], finals: Sequence[Finished]) -> dict[str, Any]:
    """Space, counts, winner, what was timed again for it, and trials."""
    answers = answered(found)
    won = winner(space, finals or answers)
    if won and finals:
        won["why"] += f"; of {len(answers)} complete trials the {len(finals)} best were timed again"
    return {
        "space": space.model_dump(mode="json"),
        "counts": counts(found),
        "winner": won,
        "finals": [{"id": one.number, "figures": dict(one.figures)} for one in finals],
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
    return {"id": found.number, "why": why, "params": dict(found.params), "figures": dict(found.figures)}


def one(trial: Trial) -> dict[str, Any]:
    """A trial as JSON: settings, state, values, lineage."""
    told = {name: getattr(trial, name) for name in ("id", "number", "state", "why", "retried", "worker")}
    curve = [[step, value] for step, value in trial.curve.items()]
    more = {"parents": list(trial.parents), "seconds": round(trial.seconds, 1), "curve": curve}
    more |= {"begun": str(trial.begun or ""), "ended": str(trial.ended or "")}
    notes = {"key": trial.notes.get("key"), "figures": trial.notes.get("figures", {}), "cpu": trial.notes.get("cpu")}
    return {**told, "params": dict(trial.params), "values": list(trial.values), **more, **notes}


def often(found: Sequence[Trial]) -> str:
    """Why trials came to nothing: the last reasons that were told."""
    why = [trial.why for trial in found if trial.why] or ["given up by the pruner" if found else "there was no time"]
    return why[-1]
