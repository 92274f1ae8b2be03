"""A search as lines and dots to draw, in pixels: scales, Pareto front, best so far, parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mfast_edge.spaces import Goals

WIDE, HIGH = 560.0, 260.0  # pixels of a drawing
MOST = 14  # axes of parallel coordinates
TICKS = 5

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dot:
    """A trial: where it lies, its title, and its kind (front, winner, plain)."""

    x: float
    y: float
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Dots and a line over two axes, whose ticks are (pixel, text)."""

    title: str
    x: str
    y: str
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]
    dots: list[Dot]
    line: str


@dataclass(frozen=True, slots=True)
class Axis:
    """One of several parallel ones: its name, its place, and what stands along it."""

    name: str
    x: float
    marks: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Strand:
    """A trial's way over all axes; `hue` from 0 (worst, red) to 120 (best, green)."""

    points: str
    hue: int
    title: str
    winner: bool


@dataclass(frozen=True, slots=True)
class Parallel:
    """Parallel coordinates."""

    axes: list[Axis]
    strands: list[Strand]


def pareto(trials: Sequence[Json], objectives: Goals, front: set[int], winner: int | None) -> Plot | None:
    """The first two objectives against each other, the front joined by a line where there are no others; None where
    there is only one."""
    if len(objectives) < 2 or not trials:
        return None
    first, second = list(objectives)[:2]
    ups, acrosses = [one["values"][0] for one in trials], [one["values"][1] for one in trials]
    up, across = Scale.of(ups, HIGH, flip=True), Scale.of(acrosses, WIDE)
    dots = [
        Dot(across.at(x), up.at(y), title(one, objectives), kind(one["id"], front, winner))
        for one, x, y in zip(trials, acrosses, ups, strict=True)
    ]
    edge = sorted((dot.x, dot.y) for dot, one in zip(dots, trials, strict=True) if one["id"] in front)
    line = path(edge if len(objectives) == 2 else [])
    return Plot(f"Pareto front: {first} against {second}", second, first, across.ticks, up.ticks, dots, line)


def progress(trials: Sequence[Json], objectives: Goals, winner: int | None) -> Plot | None:
    """The first objective trial by trial, in the order in which they were finished, and the best so far."""
    if not trials:
        return None
    first, way = next(iter(objectives.items()))
    values = [one["values"][0] for one in trials]
    up, across = Scale.of(values, HIGH, flip=True), Scale(0.0, float(max(1, len(trials) - 1)), WIDE)
    better, best, steps = (max if way == "maximize" else min), values[0], list[tuple[float, float]]()
    for place, value in enumerate(values):
        steps.append((across.at(place), up.at(best)))
        best = better(best, value)
        steps.append((across.at(place), up.at(best)))
    dots = [
        Dot(across.at(place), up.at(one["values"][0]), title(one, objectives), kind(one["id"], set(), winner))
        for place, one in enumerate(trials)
    ]
    return Plot(f"Best {first} so far", "complete trials", first, across.ticks, up.ticks, dots, path(steps))


def parallel(trials: Sequence[Json], names: Sequence[str], objectives: Goals, winner: int | None) -> Parallel | None:
    """Settings that some trial has, then objectives, each an axis; a strand passes over what its trial has not."""
    if not trials:
        return None
    there = [name for name in names if any(one["params"].get(name) is not None for one in trials)]
    axes = [*there[: MOST - len(objectives)], *objectives]
    columns = {name: [valued(one, name, objectives) for one in trials] for name in axes}
    scales = {name: scaled([value for value in column if value is not None]) for name, column in columns.items()}
    step = 1.6 * WIDE / max(1, len(axes) - 1)
    way = next(iter(objectives.values()))
    ranks = sorted((one["values"][0] for one in trials), reverse=way == "minimize")
    strands = [
        Strand(
            path([(step * place, scales[name](value)) for place, name in enumerate(axes)
                  if (value := columns[name][row]) is not None]),
            round(120 * ranks.index(one["values"][0]) / max(1, len(ranks) - 1)),
            title(one, objectives),
            one["id"] == winner,
        )
        for row, one in enumerate(trials)
    ]  # fmt: skip
    made = [Axis(name, step * place, scales[name].marks) for place, name in enumerate(axes)]
    return Parallel(made, sorted(strands, key=lambda strand: strand.winner))


def valued(trial: Json, name: str, objectives: Goals) -> Any:
    """A trial's value on an axis."""
    return trial["values"][list(objectives).index(name)] if name in objectives else trial["params"].get(name)


class Along:
    """Numbers along an axis, or words one above the other."""

    def __init__(self, values: Sequence[Any]):
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        self.scale = Scale.of(values, HIGH, flip=True) if numbers else None
        self.words = [] if numbers else sorted({str(value) for value in values})
        step = HIGH / max(1, len(self.words) - 1)
        self.marks = self.scale.ticks if self.scale else [(n * step, word) for n, word in enumerate(self.words)]

    def __call__(self, value: Any) -> float:
        """In pixels from the top."""
        return self.scale.at(value) if self.scale else {word: y for y, word in self.marks}[str(value)]


def scaled(values: Sequence[Any]) -> Along:
    """An axis for these values."""
    return Along(values)


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers low..high over so many pixels; over their logarithm where they span more than two magnitudes."""

    low: float
    high: float
    pixels: float
    flip: bool = False
    log: bool = False

    @classmethod
    def of(cls, values: Sequence[float], pixels: float, flip: bool = False) -> Scale:
        """A scale that holds them all."""
        low, high = min(values), max(values)
        return cls(low, high if high > low else low + 1, pixels, flip, low > 0 and high / low > 100)

    def at(self, value: float) -> float:
        """Pixels from the left, or from the top."""
        low, high, here = (math.log(one) if self.log else one for one in (self.low, self.high, value))
        share = (here - low) / (high - low)
        return self.pixels * (1 - share if self.flip else share)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Evenly spread, with their texts."""
        shares = [place / (TICKS - 1) for place in range(TICKS)]
        ratio, span = self.high / self.low if self.log else 1.0, self.high - self.low
        values = [self.low * ratio**share if self.log else self.low + share * span for share in shares]
        return [(self.at(value), f"{value:.3g}") for value in values]


def kind(number: int, front: set[int], winner: int | None) -> str:
    """What a dot is drawn as."""
    return "winner" if number == winner else "front" if number in front else "plain"


def title(trial: Json, objectives: Goals) -> str:
    """What is told of a dot that is pointed at."""
    figures = ", ".join(f"{name} {value:.4g}" for name, value in zip(objectives, trial["values"], strict=True))
    return f"trial {trial['id']}: {figures}"


def path(points: Sequence[tuple[float, float]]) -> str:
    """`x,y x,y …` in pixels."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
