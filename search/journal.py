"""A study in a journal file, which processes of one machine may work on together."""

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from search.storage import name_worker


class Journal:
    """A journal file and one worker at it. The kernel gives a dead process's locks back: no heart has to beat."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.worker = name_worker()
        self.workers = path.with_name(f"{path.name}.workers")
        self.lock = _Turn(path)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Hold a file of this worker's own."""
        self.workers.mkdir(parents=True, exist_ok=True)
        mine = self.workers / self.worker
        with mine.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                yield
            finally:
                mine.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is open between turns."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the journal."""
        self.lock.acquire()
        try:
            yield
        finally:
            self.lock.release()

    def open(self) -> BaseStorage:
        """The journal's storage."""
        return JournalStorage(JournalFileBackend(str(self.path), self.lock))

    def bury(self, study: optuna.Study) -> None:
        """Fail what workers left running whose file nobody holds."""
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._alive(trial.user_attrs.get("worker", "")):
                study.tell(trial.number, state=TrialState.FAIL)

    def beat(self, trial: int) -> None:
        """The file that this worker holds says so."""

    def beating(self, trial: int) -> AbstractContextManager[None]:
        """The file that this worker holds says so."""
        return nullcontext()

    def _alive(self, worker: str) -> bool:
        """Whether somebody holds a worker's file; the file of a dead one is taken away."""
        file = self.workers / worker
        if worker == self.worker or not worker or not file.is_file():
            return worker == self.worker
        with file.open("r") as left:
            try:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            file.unlink(missing_ok=True)
            return False


class _Turn(JournalFileOpenLock):
    """A lock on the journal that its holder may take again, and that dies with its process."""

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self.journal = journal
        self.held: list[TextIO] = []

    def acquire(self) -> bool:
        """Wait until nobody else holds it, and mend what a dying process left."""
        if self.held:
            self.held.append(self.held[0])
            return True
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        file = self.journal.with_name(f"{self.journal.name}.lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        self.held.append(file)
        _mend(self.journal)
        return True

    def release(self) -> None:
        """Give it back where it was taken first."""
        file = self.held.pop()
        if not self.held:
            file.close()


def _mend(journal: Path) -> None:
    """Cut off a last line that a dying process did not finish: another one would be glued to it."""
    if not journal.exists() or not journal.stat().st_size:
        return
    with journal.open("r+b") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
