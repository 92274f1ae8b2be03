"""A study in a PostgreSQL database, which many machines may work on together."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, fail_stale_trials, get_storage
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from search.storage import name_worker, safe
from search.trials import StudyError

DRIVERS = ("psycopg", "psycopg2")  # in the order in which they are taken
MISSED = 3  # signs of life that may be missing before a trial counts as dead
FORSAKEN = 60  # seconds after which the server takes a turn back from a machine that has vanished


class Database:
    """One database and one worker at it. A trial beats as long as it runs: machines can vanish without a word."""

    def __init__(self, url: str, study: str, heartbeat: int) -> None:
        self.url = address(url)
        self.heartbeat = heartbeat
        self.worker = name_worker()
        self.study = study
        self.key = int.from_bytes(hashlib.sha256(study.encode()).digest()[:8], "big", signed=True)
        self.engine = sqlalchemy.create_engine(self.url, pool_pre_ping=True)
        self.storage: RDBStorage | None = None

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Each trial has a heart of its own. StudyError: the database was lost on the way."""
        try:
            yield
        except (StorageInternalError, OperationalError) as error:
            why = str(error.__cause__ or error).splitlines()[0]
            raise StudyError(f"{shown(self.url)}: lost on the way ({why}); the same command goes on") from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()
        if self.storage:
            self.storage.remove_session()
            self.storage.engine.dispose()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a lock of the study's name in the database. StudyError: it cannot be reached."""
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            raise StudyError(f"{shown(self.url)}: {' '.join(str(error.orig).split())}") from None
        with connection, connection.begin():
            connection.execute(sqlalchemy.text(f"SET LOCAL idle_in_transaction_session_timeout = '{FORSAKEN}s'"))
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": self.key})
            yield

    def open(self) -> BaseStorage:
        """The database's storage, its tables made where there are none."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of heartbeats
            self.storage = RDBStorage(
                self.url.render_as_string(hide_password=False),
                {"pool_pre_ping": True},
                heartbeat_interval=self.heartbeat,
                grace_period=MISSED * self.heartbeat,
            )
        return get_storage(self.storage)

    def bury(self, study: optuna.Study) -> None:
        """Fail what has not beaten for too long, and what died in its turn, before it could."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            fail_stale_trials(study)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if "worker" not in trial.user_attrs:
                study.tell(trial.number, state=TrialState.FAIL)

    def beat(self, trial: int) -> None:
        """Record a sign of life."""
        assert self.storage is not None, "a trial is of an opened storage"
        self.storage.record_heartbeat(trial)

    @contextmanager
    def beating(self, trial: int) -> Iterator[None]:
        """Record a sign of life every `heartbeat` seconds."""
        over = threading.Event()
        heart = threading.Thread(target=self._live, args=(trial, over), daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join()

    def _live(self, trial: int, over: threading.Event) -> None:
        while not over.wait(self.heartbeat):
            try:
                self.beat(trial)
            except (StorageInternalError, OperationalError):
                continue  # the network may come back within the grace; if it does not, the trial is another's


def address(url: str) -> sqlalchemy.URL:
    """The URL with a driver that is installed. StudyError: it is none, not PostgreSQL's, or there is no driver."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise StudyError(f"storage: {safe(url)!r} is no URL; wanted postgresql://user:password@host/database") from None
    system, _, driver = parsed.drivername.partition("+")
    if system not in ("postgresql", "postgres"):
        raise StudyError(f"storage: {system}://… is not searched in; wanted a journal file or postgresql://…")
    driver = driver or next((name for name in DRIVERS if find_spec(name)), "")
    if not driver or not find_spec(driver):
        raise StudyError(f"{shown(parsed)}: no driver; pip install 'psycopg[binary]' brings one")
    return parsed.set(drivername=f"postgresql+{driver}")


def shown(url: sqlalchemy.URL) -> str:
    """Where the database is, to be told: without user, password and options."""
    return f"postgresql://{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"
