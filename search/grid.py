"""All settings of a space that can be counted, and which of them lie next to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from search.knobs import Categorical, Knob, Value, at, count
from search.space import Space, point, size

MANY = 20_000  # settings, above which nobody runs into what was tried


class Grid:
    """The settings of a space as rows of coordinates: the place of a value among a number's, over the distance
    of its ends; two choices are 1 apart, and so is a knob that is there from one that is not."""

    def __init__(self, space: Space, points: int) -> None:
        self.space = space
        self.settings = [point(space, number) for number in range(points)]
        self.rank = {_key(params): number for number, params in enumerate(self.settings)}
        self.ordered = np.array([not isinstance(space[name], Categorical) for name in sorted(space)])
        places = {name: _places(space[name]) for name in sorted(space)}
        rows = [
            [places[name][params[name]] if name in params else np.nan for name in places] for params in self.settings
        ]
        self.coordinates: NDArray[np.float64] = np.array(rows, dtype=np.float64)

    def untried(
        self, tried: Sequence[Mapping[str, Value]], near: Mapping[str, Value] | None, chance: np.random.Generator
    ) -> dict[str, Value]:
        """Settings that were not tried: of those nearest to some, or of all, one drawn evenly."""
        left = np.ones(len(self.settings), dtype=bool)
        left[[self.rank[_key(params)] for params in tried if _key(params) in self.rank]] = False
        found = np.flatnonzero(left)
        if near is not None:
            apart = self._apart(self.rank[_key(near)])[found]
            found = found[np.isclose(apart, apart.min())]
        return self.settings[int(chance.choice(found))]

    def _apart(self, number: int) -> NDArray[np.float64]:
        """How far all settings are from the ones of this number, over all knobs."""
        here, there = self.coordinates[number], self.coordinates
        between = np.where(self.ordered, np.abs(there - here), there != here)
        absent = np.isnan(there) | np.isnan(here)
        return np.where(absent, np.isnan(there) != np.isnan(here), between).sum(axis=1)


def make(space: Space) -> Grid | None:
    """The grid of a space; None: it cannot be counted, or holds too many settings to list."""
    points = size(space)
    return None if points is None or points > MANY else Grid(space, points)


def _places(knob: Knob) -> dict[object, float]:
    values = count(knob) or 1
    return {at(knob, place): place / max(values - 1, 1) for place in range(values)}


def _key(params: Mapping[str, Value]) -> frozenset[tuple[str, Value]]:
    return frozenset(params.items())
