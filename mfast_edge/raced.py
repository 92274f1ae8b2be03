"""Rows timed against each other on this machine, and what is measured beside their times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import machine, results, timing
from benchmarks.score import score
from export.errors import Unreadable
from export.roof import Rates
from mfast_edge import roofed
from mfast_edge.runners import torch_on
from mfast_edge.weighed import Job, weigh

Call = Callable[[], object]
REFERENCE = "reference"  # the option of rows whose F1 and time the others' score is counted from


@dataclass(frozen=True, slots=True)
class Entry:
    """What is timed: its row as far as it is known, and its calls: forward and, where there are any, what surrounds
    it, all synchronised. `graph`: whose layers the roof is worked out from. `job`: what weighs its memory."""

    row: results.Row
    calls: Mapping[str, Call]
    graph: Path | None = None
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """Alternating rounds. `stream`: (queries, seconds) of a single stream after them; `memory`: peaks, each in a
    process of its own; `roof`: the machine's measured peak."""

    rounds: int = 30
    warmup: int = 5
    seconds: float = 0.05
    stream: tuple[int, float] | None = None
    memory: bool = False
    roof: bool = False


@dataclass(slots=True)
class Log:
    """What becomes the results of a command: rows as they are found, the machine's state when it began."""

    threads: int
    command: str
    notes: tuple[str, ...] = ()
    rows: list[results.Row] = field(default_factory=list)
    before: dict[str, object] = field(default_factory=machine.state)

    def ended(self) -> results.Results:
        """The results until now."""
        here, after = machine.describe(self.threads), machine.state()
        trouble = machine.trouble(self.before, after, here["cores"] or 1)
        today, rows = f"{date.today()}", tuple(scored(self.rows))
        return results.Results(here, today, self.command, rows, tuple(trouble), self.before, after, self.notes)


def race(entries: Sequence[Entry], asked: Protocol, threads: int) -> list[results.Row]:
    """All entries in the same rounds, on so many threads; those without calls as they are."""
    calls = {f"{place} {part}": call for place, entry in enumerate(entries) for part, call in entry.calls.items()}
    if not calls:
        return [entry.row for entry in entries]
    held = asked.roof and roofed.measurable() and any(entry.graph for entry in entries)
    if held:
        calls |= roofed.calls(threads)  # in the same rounds: a machine that slows down does so for both
    with torch_on(threads) if any(entry.row.runtime == "torch" for entry in entries) else nullcontext():
        series = timing.measure(calls, rounds=asked.rounds, warmup=asked.warmup, seconds=asked.seconds)
        if held:
            roofed.seen(threads, series)
        rows = [timed(entry, place, series) for place, entry in enumerate(entries)]
        rows = [streamed(entry, row, asked) for entry, row in zip(entries, rows, strict=True)]
    return [beside(entry, row, asked, threads) for entry, row in zip(entries, rows, strict=True)]


def timed(entry: Entry, place: int, series: Mapping[str, timing.Series]) -> results.Row:
    """A row with its times."""
    found: dict[str, Any] = {part: timing.summary(series[f"{place} {part}"]) for part in entry.calls}
    return replace(entry.row, **found)


def streamed(entry: Entry, row: results.Row, asked: Protocol) -> results.Row:
    """With a single stream: from photo to detections where that is known, else of the forward."""
    query = entry.calls.get("end_to_end", entry.calls.get("forward"))
    if asked.stream is None or query is None:
        return row
    queries, seconds = asked.stream
    return replace(row, stream=timing.single_stream(query, queries=queries, seconds=seconds))


def beside(entry: Entry, row: results.Row, asked: Protocol, threads: int) -> results.Row:
    """With its memory and its roof."""
    if asked.memory and entry.job and row.forward:
        row = replace(row, memory=weigh(entry.job))
    if asked.roof and entry.graph and row.forward and row.roof is None and roofed.measurable():
        row = under(row, entry.graph, roofed.rates(threads))
    return row


def under(row: results.Row, graph: Path, peak: Rates) -> results.Row:
    """With its roof and the peak that it follows from; a remark where it is beaten, or cannot be told."""
    try:
        least = roofed.least(graph, peak, row.precision)
    except Unreadable as wrong:
        return remarked(row, f"no roof: {wrong}")
    if least is None:
        return row
    row = replace(row, roof=least, rates=asdict(peak))
    return remarked(row, roofed.BEYOND) if row.forward and least > row.forward["p50"] else row


def remarked(row: results.Row, words: str) -> results.Row:
    """With a remark more."""
    return replace(row, remark="; ".join(filter(None, (row.remark, words))))


def scored(rows: Sequence[results.Row]) -> list[results.Row]:
    """With the composite score of those that have an F1 and a time end to end, where the reference was raced too.

    The reference is the trained float network's F1 and, in its fastest runtime, time on as many threads.
    """
    return [row if (worth := composite(row, rows)) is None else replace(row, score=worth) for row in rows]


def composite(row: results.Row, rows: Sequence[results.Row]) -> float | None:
    """A row's score; None where something of it is not known."""
    found = [
        (one.end_to_end["p50"], one.f1)
        for one in rows
        if one.options.get(REFERENCE) and one.end_to_end and one.f1 is not None
        if (one.model, one.threads, one.options.get("run")) == (row.model, row.threads, row.options.get("run"))
    ]
    if row.f1 is None or row.end_to_end is None or not found:
        return None
    ms, f1 = min(found)
    return score(row.f1, row.end_to_end["p50"], f1_ref=f1, t_ref=ms)
