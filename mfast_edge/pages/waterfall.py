"""The waterfall: what each stage did to time, quality and weight, as lengths to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mfast_edge.tasks.task import Column

WIDTH = 150.0  # pixels of the longest bar


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of the chart: a key of the run's rows, how its values are written, whether more is better."""

    key: str
    title: str
    digits: int
    more: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """`solid` pixels of what is left, then a step of `step` pixels that was won or lost (kind good, bad, same)."""

    text: str
    solid: float
    step: float
    kind: str
    gone: bool  # the step is what the parent had and this stage has not


def measures(ms: str, quality: Column) -> tuple[Measure, ...]:
    """The three columns, the quality's in the middle; `ms` is what times are called."""
    return (
        Measure("p50_ms", ms, 2, False),
        Measure(quality.key, f"{quality.title} on val", 3, True),
        Measure("mb", "MB", 2, False),
    )


def waterfall(rows: Sequence[Mapping[str, Any]], columns: Sequence[Measure]) -> list[list[Bar]]:
    """For each stage a bar per column, stepping from the last stage before it that was kept."""
    longest = {column.key: max(row[column.key] for row in rows) or 1.0 for column in columns}
    bars, last = [], rows[0]
    for row in rows:
        bars.append([bar(column, row[column.key], last[column.key], longest[column.key]) for column in columns])
        last = row if row["keep"] else last
    return bars


def bar(column: Measure, value: float, before: float, longest: float) -> Bar:
    """One bar."""
    low, high = sorted((value, before))
    kind = "same" if value == before else "good" if (value > before) == column.more else "bad"
    scale = WIDTH / longest
    return Bar(f"{value:.{column.digits}f}", low * scale, (high - low) * scale, kind, value < before)
