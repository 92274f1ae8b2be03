"""Candidates on disk: a folder with a card is finished; unfinished work is locked, kept and gone on with."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mfast_edge.candidate import Candidate, Form, Step, file_digest
from mfast_edge.errors import Busy, Unfinished


@dataclass(frozen=True, slots=True)
class Work:
    """Where a stage works: `files` becomes the candidate, `state` is what a killed run goes on from."""

    files: Path
    state: Path


@dataclass(frozen=True, slots=True)
class Store:
    """runs/store/<key> for what is finished, runs/work/<key> for what is not."""

    root: Path

    def folder(self, key: str) -> Path:
        """Where the candidate of this key lies, or will lie."""
        return self.root / "store" / key

    def find(self, key: str) -> Candidate | None:
        """The finished candidate of this key."""
        return carded(self.folder(key))

    def origin(self, candidate: Candidate) -> Candidate:
        """The torch candidate that a graph was made from."""
        while candidate.form != "torch":
            candidate = self.parent(candidate)
        return candidate

    def parent(self, candidate: Candidate) -> Candidate:
        """What a stage made the candidate of. Unfinished: it is gone."""
        parent = self.find(json.loads((candidate.folder / "card.json").read_text())["parent"])
        if parent is None:
            raise Unfinished(f"store: the parent of {candidate.key} is gone; run the command in a new --out")
        return parent

    @contextmanager
    def work(self, key: str) -> Iterator[Work]:
        """A locked place to make `key` in: an empty `files`, and the `state` an earlier run left."""
        place = self.root / "work" / key
        work = Work(place / "files", place / "state")
        work.state.mkdir(parents=True, exist_ok=True)
        with (self.root / "work" / f"{key}.lock").open("w") as lock:
            claim(lock.fileno(), key)
            shutil.rmtree(work.files, ignore_errors=True)
            work.files.mkdir()
            yield work

    def discard(self, key: str) -> None:
        """Nothing is left of unfinished work on `key`, unless another process is at it."""
        place = self.root / "work" / f"{key}.lock"
        if place.exists():
            with place.open("w") as lock, suppress(Busy):
                claim(lock.fileno(), key)
                shutil.rmtree(place.with_suffix(""), ignore_errors=True)
                place.unlink(missing_ok=True)

    def keep(self, work: Work, parent: Candidate, step: Step, key: str, form: Form) -> Candidate:
        """Write the card last, rename the folder into place: from now on `key` is finished."""
        lineage = (*parent.lineage, step)
        card = {"key": key, "model": parent.model, "form": form, "parent": parent.key}
        files = {path.name: file_digest(path) for path in sorted(work.files.iterdir())}
        write_json(work.files / "card.json", {**card, "files": files, "lineage": [asdict(step) for step in lineage]})
        self.folder(key).parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder(key), ignore_errors=True)
        work.files.rename(self.folder(key))
        shutil.rmtree(work.state.parent, ignore_errors=True)
        (self.root / "work" / f"{key}.lock").unlink(missing_ok=True)
        return Candidate(key, parent.model, form, self.folder(key), lineage)


def carded(folder: Path) -> Candidate | None:
    """The finished candidate in `folder`; None where there is no card."""
    told = read_json(folder / "card.json")
    if told is None:
        return None
    steps = tuple(Step(**step) for step in told["lineage"])
    return Candidate(told["key"], told["model"], told["form"], folder, steps)


def claim(lock: int, key: str) -> None:
    """Lock, or say that somebody else is at it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"store: another process is making {key}; wait for it, or stop it") from None


@contextmanager
def turn(place: Path) -> Iterator[None]:
    """Only one process of this machine at a time is in a turn at `place`, a file; the others wait, and a dead one's
    turn is over."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_json(path: Path, value: Any) -> None:
    """The whole file or the old one, never half: written beside, flushed, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w") as stream:
        stream.write(json.dumps(value, indent=1, sort_keys=True) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)


def read_json(path: Path) -> Any:
    """What `write_json` wrote; None where there is no such file."""
    return json.loads(path.read_text()) if path.is_file() else None
