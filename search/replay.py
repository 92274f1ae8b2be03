"""Searches replayed against a table of trained settings, by a simulated clock: how much sooner does one get there?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from search.space import Space, Value, point, size
from search.study import Rejected, Report, Settings, StudyError, run

DRAWS = 10_000  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Row:
    """Settings that were trained once.

    `curve` holds what was reported after each step, from 1, `seconds` what each step took and `value` what is
    searched for at the end. `before`: seconds until the first step (building, timing). `facts` are what is known
    by then, such as ms.
    """

    params: Mapping[str, Value]
    curve: tuple[float, ...]
    seconds: tuple[float, ...]
    value: float
    before: float = 0.0
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """Seconds that training it in full took."""
        return self.before + sum(self.seconds)


@dataclass(frozen=True, slots=True)
class Table:
    """A row for each settings of a space that can be counted; what is searched for has a `direction`, what the
    rows report has `curve`; a row whose facts exceed `limits` does not count, however good it is."""

    space: Space
    rows: tuple[Row, ...]
    direction: Literal["minimize", "maximize"]
    curve: Literal["minimize", "maximize"] = "maximize"
    limits: Mapping[str, float] = field(default_factory=dict)

    def allowed(self, row: Row) -> bool:
        """Whether a row is within the limits."""
        return all(row.facts[name] <= most for name, most in self.limits.items())

    def target(self, share: float) -> float:
        """The value of the last row within the best `share` of all rows that are allowed, at least of one."""
        values = sorted((row.value for row in self.rows if self.allowed(row)), reverse=self.direction == "maximize")
        return values[max(1, math.floor(share * len(values))) - 1]


@dataclass(frozen=True, slots=True)
class Way:
    """How to search: names of a sampler and a pruner; whether what is over the limits is rejected untrained."""

    sampler: str = "tpe"
    pruner: str = "asha"
    reject: bool = True


CHANCE = Way("random", "none", reject=False)


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Mean seconds of a way of searching until it had the target / those of random search without pruning: below
    1 it is sooner there. `low` and `high` bound 95 % of the bootstrap over seeds. `missed`: seeds of the way that
    gave up whatever would have reached it; they are charged the whole table, trained in full, on top."""

    ratio: float
    low: float
    high: float
    missed: int


def efficiency(table: Table, seeds: Sequence[int], way: Way | None = None, share: float = 0.02) -> Efficiency:
    """How much sooner a way of searching, by default TPE with asha and early rejection, meets a row within the
    best `share` of the table than random search does, over the same seeds."""
    check(table)
    ways = [way or Way(), CHANCE]
    target = table.target(share)
    spent = np.array([[reached(table, one, seed, target) for seed in seeds] for one in ways])
    whole = sum(row.cost for row in table.rows)
    times = np.nan_to_num(spent, posinf=0.0) + np.isinf(spent) * 2 * whole
    drawn = np.random.default_rng(0).integers(len(seeds), size=(2, DRAWS, len(seeds)))
    means = [times[place][drawn[place]].mean(axis=1) for place in (0, 1)]
    low, high = np.quantile(means[0] / means[1], (0.025, 0.975))
    return Efficiency(float(times[0].mean() / times[1].mean()), float(low), float(high), int(np.isinf(spent[0]).sum()))


def reached(table: Table, way: Way, seed: int, target: float) -> float:
    """Seconds until a search has a value as good as the target; infinite if it never does."""
    return next((spent for spent, best in replay(table, way, seed, target) if not worse(table, best, target)), math.inf)


def replay(table: Table, way: Way, seed: int, until: float | None = None) -> list[tuple[float, float]]:
    """(seconds spent, best value so far) after each trial in which something was found, of a search of one
    worker; to the end of the table, or until the best is as good as `until`."""
    rows = {frozenset(row.params.items()): row for row in table.rows}
    told: list[tuple[float, float]] = []
    spent = 0.0

    def answer(params: Mapping[str, Value], report: Report) -> Sequence[float]:
        nonlocal spent
        row = rows[frozenset(params.items())]
        spent += row.before
        if way.reject and not table.allowed(row):
            raise Rejected
        for step, (value, seconds) in enumerate(zip(row.curve, row.seconds, strict=True), 1):
            spent += seconds
            report(step, value)
        if table.allowed(row):
            told.append((spent, row.value if not told or worse(table, told[-1][1], row.value) else told[-1][1]))
        return [row.value]

    def enough() -> bool:
        return until is not None and bool(told) and not worse(table, told[-1][1], until)

    steps = max(len(row.curve) for row in table.rows)
    settings = Settings(
        "replay", (table.direction,), seed, None, sampler=way.sampler, pruner=way.pruner, curve=table.curve, steps=steps
    )
    run(answer, table.space, settings, trials=None, stop=enough)
    return told


def worse(table: Table, one: float, other: float) -> bool:
    """Whether one value is worse than another."""
    return one < other if table.direction == "maximize" else one > other


def check(table: Table) -> None:
    """StudyError unless the table holds each settings of its space once."""
    wanted, held = size(table.space), {frozenset(row.params.items()) for row in table.rows}
    if wanted is None or wanted != len(table.rows) or len(held) != wanted:
        raise StudyError(f"replay: the table holds {len(held)} settings in {len(table.rows)} rows, its space {wanted}")
    points = (point(table.space, number) for number in range(wanted))
    if lacking := next((params for params in points if frozenset(params.items()) not in held), None):
        raise StudyError(f"replay: the table has no row for {lacking}")
    if not any(table.allowed(row) for row in table.rows):
        raise StudyError(f"replay: no row is within the limits {dict(table.limits)}")
