"""Where a study lies, who is at work on it, and how its workers keep out of each other's way."""

from __future__ import annotations

import copy
import os
import uuid
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol, cast

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.trials import StudyError


class Place(Protocol):
    """One storage and one worker at it."""

    @property
    def worker(self) -> str:
        """The name of this worker, which no other has."""

    def joined(self) -> AbstractContextManager[None]:
        """Be a worker as long as this is open: others can tell whether it lives."""

    def close(self) -> None:
        """Give back what it holds open."""

    def turn(self) -> AbstractContextManager[None]:
        """Keep all other workers from asking for trials, until this closes or its process dies."""

    def open(self) -> BaseStorage:
        """The storage, made if there is none. To be called in a turn. StudyError: it is no storage."""

    def bury(self, study: optuna.Study) -> None:
        """Fail every running trial whose worker is dead. To be called in a turn."""

    def beat(self, trial: int) -> None:
        """Tell others that the trial of this id in the storage has begun. To be called in a turn."""

    def beating(self, trial: int) -> AbstractContextManager[None]:
        """Tell others that the trial of this id in the storage goes on, as long as this is open."""


def name_worker() -> str:
    """A new name for a worker."""
    return f"{os.getpid()}-{uuid.uuid4().hex[:8]}"


def place(storage: Path | str | None, study: str, heartbeat: int) -> Place:
    """The place of a storage: a journal file, postgresql://…, or None, which is memory."""
    if storage is None:
        return Memory()
    if isinstance(storage, str) and "://" in storage:
        from search.database import Database

        return Database(storage, study, heartbeat)
    from search.journal import Journal

    if Path(storage).is_dir():
        raise StudyError(f"{storage}: a folder; the path of a journal file in it, or postgresql://…, would be right")
    return Journal(Path(storage))


def safe(storage: Path | str | None) -> str:
    """A storage to be told of: a path, or an address without scheme, user and password where it holds those."""
    told = str(storage)
    return told.rpartition("@")[2] if "://" in told else told


class Memory:
    """A study of one process that nothing is kept of."""

    worker = "one"

    def joined(self) -> AbstractContextManager[None]:
        """Nobody else can join."""
        return nullcontext()

    def close(self) -> None:
        """It holds nothing."""

    def turn(self) -> AbstractContextManager[None]:
        """It is always this worker's."""
        return nullcontext()

    def open(self) -> BaseStorage:
        """A new storage."""
        return InMemoryStorage()

    def bury(self, study: optuna.Study) -> None:
        """Nobody dies here without the study."""

    def beat(self, trial: int) -> None:
        """Nobody listens."""

    def beating(self, trial: int) -> AbstractContextManager[None]:
        """Nobody listens."""
        return nullcontext()


class View:
    """A storage through which some trials look otherwise, and which may have other directions.

    optuna's samplers and pruners read a study through its storage: so they are shown what they understand.
    """

    def __init__(
        self,
        storage: BaseStorage,
        shown: Callable[[FrozenTrial], FrozenTrial | None],
        directions: list[StudyDirection] | None = None,
    ) -> None:
        self.storage, self.shown, self.directions = storage, shown, directions

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials as they are shown; those shown as None are left out."""
        found = self.storage.get_all_trials(study_id, deepcopy=False, states=states)
        seen = [look for trial in found if (look := self.shown(trial)) is not None]
        return copy.deepcopy(seen) if deepcopy else seen

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """The directions that this view has."""
        return self.directions or self.storage.get_study_directions(study_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    def study(self, name: str, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """The study of this name, seen so; it prunes nothing."""
        storage = cast(BaseStorage, self)
        return optuna.Study(name, storage, sampler=sampler, pruner=optuna.pruners.NopPruner())


@contextmanager
def told(storage: Path | str | None) -> Iterator[None]:
    """Turns what a storage that is none raises into a StudyError."""
    try:
        yield
    # optuna asserts that it knows every operation.
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        if isinstance(error, StudyError):
            raise
        raise StudyError(f"{safe(storage)}: not the journal of a search ({error})") from error
