"""What a study is asked, what its trials are told and may raise, and what is known of them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from optuna.trial import FrozenTrial, TrialState

from search.space import Space, Value, snapped

State = Literal["complete", "rejected", "pruned", "failed", "running"]
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
NOTE = "note:"  # before the names of an objective's own notes among a trial's attributes


class StudyError(ValueError):
    """A search that cannot be run, or not be gone on with, as asked."""


class Rejected(Exception):
    """Raised by an objective: these settings are not worth finishing, why is its text. The trial is finished."""


class Pruned(Exception):
    """Raised by a report: this trial falls behind others at the same step. It is finished, and passes through."""


class Report(Protocol):
    """How an objective tells of a trial while it runs."""

    def __call__(self, step: int, value: float) -> None:
        """Keep the value after a step, counted from 1; raises Pruned where the pruner gives the trial up."""

    def note(self, name: str, value: Any) -> None:
        """Keep something of JSON with the trial, whatever becomes of it."""


Objective = Callable[[Mapping[str, Value], Report], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Settings:
    """One study; a direction, minimize or maximize, for each value of the objective.

    `storage` is a journal file, which processes of one machine may share, postgresql://user:password@host/name,
    which machines may share, or None for memory. `sampler` is tpe, nsga2, random or evolution, `pruner` none,
    median, asha or hyperband; `curve` is the direction of what trials report, `steps` the last step that they will
    report, if that is known: no trial is given up there. `about` names what else must be the same for
    whoever joins, as text. `heartbeat`: seconds between two signs of life of a trial in a database; after
    three without one it counts as dead.
    """

    name: str
    directions: tuple[str, ...]
    seed: int
    storage: Path | str | None
    first: Mapping[str, Value] = field(default_factory=dict)
    sampler: str = "tpe"
    pruner: str = "none"
    curve: str = "maximize"
    steps: int | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    heartbeat: int = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial. What the seed decides is compared; when, where and by whom it was made is not.

    `number` is its place among the finished ones (complete, rejected or pruned), None if it is not; `values`
    are those of a complete one; `curve` is what it reported, step → value; `why` is the text of Rejected.
    `id` is its number in the storage, which never changes; `retried` that of the failed trial whose settings it
    repeats, `parents` those of the trials it was bred from. `seconds` is 0 until it has ended.
    """

    number: int | None
    params: Mapping[str, Value]
    values: tuple[float, ...]
    state: State
    curve: Mapping[int, float] = field(default_factory=dict)
    why: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict, compare=False)
    id: int = field(default=0, compare=False)
    begun: datetime | None = field(default=None, compare=False)
    ended: datetime | None = field(default=None, compare=False)
    worker: str = field(default="", compare=False)
    retried: int | None = field(default=None, compare=False)
    parents: tuple[int, ...] = field(default=(), compare=False)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.begun).total_seconds() if self.begun and self.ended else 0.0


def listed(frozen: Sequence[FrozenTrial], space: Space) -> list[Trial]:
    """The trials of a storage in their order; without those that wait, or that proposed what was tried before."""
    found, place = [], 0
    for one in frozen:
        if one.state is TrialState.WAITING or "repeats" in one.user_attrs:
            continue
        finished = one.state in FINISHED
        found.append(_trial(place if finished else None, one, space))
        place += finished
    return found


def state(frozen: FrozenTrial) -> State:
    """What became of a trial."""
    if frozen.state is TrialState.PRUNED:
        return "pruned" if frozen.user_attrs.get("pruned") else "rejected"
    return "failed" if frozen.state is TrialState.FAIL else "running" if not frozen.state.is_finished() else "complete"


def _trial(number: int | None, frozen: FrozenTrial, space: Space) -> Trial:
    kept = frozen.user_attrs
    return Trial(
        number,
        snapped(space, frozen.params),
        tuple(frozen.values) if frozen.state is TrialState.COMPLETE else (),
        state(frozen),
        curve=dict(sorted(frozen.intermediate_values.items())),
        why=kept.get("why", ""),
        notes={name.removeprefix(NOTE): value for name, value in kept.items() if name.startswith(NOTE)},
        id=frozen.number,
        begun=frozen.datetime_start,
        ended=frozen.datetime_complete,
        worker=kept.get("worker", ""),
        retried=kept.get("retried"),
        parents=tuple(kept.get("parents", ())),
    )
