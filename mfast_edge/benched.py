"""What `bench` does: options read, everything timed, thread count by thread count, model by model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import timing
from benchmarks.results import Results
from mfast_edge import model as models
from mfast_edge.entered import Setting, entered
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.raced import Entry, Log, Protocol, race
from mfast_edge.settings import assignments

if TYPE_CHECKING:
    from mfast_edge.zoo import Order


DATA = "particles:48x300"  # what models are calibrated on where nothing is asked


@dataclass(frozen=True, slots=True)
class Asked:
    """The door's arguments, as typed."""

    what: tuple[Path, ...]
    models: str
    device: str
    modes: str
    precisions: str
    data: str
    set: tuple[str, ...]
    threads: str
    batch: str
    size: tuple[str, ...]
    score: bool
    protocol: Protocol
    command: str


def benched(asked: Asked, keep: Callable[[Results], None]) -> Results:
    """Everything measured; `keep` gets the results after each model and each number of threads."""
    agree(asked)
    threads, sizes = numbers(asked.threads, "--threads") or (1,), dict(sizes_of(text) for text in asked.size)
    log = Log(threads[0], asked.command, told(asked))
    with tempfile.TemporaryDirectory() as folder:
        for count in threads:
            how = Setting(count, Path(folder), numbers(asked.batch, "--batch"), sizes, asked.score)
            for entries in loads(asked, how):
                log.rows += race(entries(), asked.protocol, count)
                keep(log.ended())
    return log.ended()


def loads(asked: Asked, how: Setting) -> Iterator[Callable[[], list[Entry]]]:
    """What is timed in the same rounds: all files, or all rows of one model."""
    if not asked.models:
        yield lambda: [entry for path in asked.what for entry in entered(path, how)]
        return
    from mfast_edge.zoo import stocked

    for name in named(asked.models):
        yield partial(stocked, name, order(asked), how)


def order(asked: Asked) -> Order:
    """The options that are for models alone. UserError for a setting that is no model's."""
    from mfast_edge.zoo import Order

    given = assignments(asked.set)
    if strange := [name for name in given if not name.startswith("model.")]:
        raise UserError(f"--set: {strange[0]} given; with --models model.size=256 and the like would be right")
    settings = {name.removeprefix("model."): value for name, value in given.items()}
    roof = asked.protocol.roof
    return Order(asked.data or DATA, settings, asked.device, listed(asked.modes), listed(asked.precisions), roof)


def told(asked: Asked) -> tuple[str, ...]:
    """What a reader must know, of models after a look whether they can be timed as asked."""
    if not asked.models:
        return ()
    from mfast_edge.zoo import notes, ready

    named(asked.models)
    ready(order(asked))
    return notes(order(asked))


def agree(asked: Asked) -> None:
    """UserError for options that would do nothing."""
    if bool(asked.what) == bool(asked.models):
        raise UserError("bench: files, or --models; one of the two would be right")
    plain = {"--device": asked.device == "cpu", "--modes": not asked.modes, "--precisions": not asked.precisions}
    plain |= {"--data": not asked.data, "--set": not asked.set}
    mine = plain if asked.what else {"--size": not asked.size, "--score": not asked.score}
    if idle := [option for option, unset in mine.items() if not unset]:
        where = "files" if asked.what else "--models"
        raise UserError(f"{idle[0]}: does nothing with {where}; without it would be right")


def stream(asked: bool, queries: int | None, seconds: float | None) -> tuple[int, float] | None:
    """Least queries and seconds of a single stream, MLPerf's where not given; None where none is asked for.

    UserError for either without it.
    """
    given = {"--queries": queries, "--seconds": seconds}
    if idle := [option for option, value in given.items() if value is not None and not asked]:
        raise UserError(f"{idle[0]}: does nothing without --single-stream; with it would be right")
    least = timing.STREAM_QUERIES if queries is None else queries
    return (least, timing.STREAM_SECONDS if seconds is None else seconds) if asked else None


def named(text: str) -> tuple[str, ...]:
    """Models' names, or networks in YAML. UserError names the known ones."""
    found = tuple(MODELS) if text == "all" else listed(text)
    for name in found:
        models.find(name, MODELS, "--models")
    return found


def listed(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers between commas, each once. UserError for others."""
    words = listed(text)
    if any(not word.isdecimal() or int(word) < 1 for word in words):
        raise UserError(f"{option}: {text!r} given; whole numbers from 1 would be right, such as 1,2,4")
    return tuple(dict.fromkeys(map(int, words)))


def sizes_of(text: str) -> tuple[str, tuple[int, ...]]:
    """`NAME=1x3x300x300` → (NAME, sizes); `300x200` or `300` → ("", (height, width)). UserError for others."""
    name, equals, sizes = text.rpartition("=")
    found = [int(word) for word in sizes.split("x") if word.isdecimal() and int(word)]
    if len(found) != len(sizes.split("x")) or bool(equals) != bool(name) or (not name and len(found) > 2):
        raise UserError(f"--size: {text!r} given; 300x300, or NAME=1x3x300x300, would be right")
    return name, tuple(found * 2 if not name and len(found) == 1 else found)
