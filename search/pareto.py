"""Which of many points no other point beats."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


class FrontError(ValueError):
    """Points that cannot be compared."""


def front(points: ArrayLike, directions: Sequence[str]) -> NDArray[np.intp]:
    """Return the indices, rising, of the non-dominated points among `points` (N, M).

    A point dominates another if it is nowhere worse and somewhere better; equal points do not dominate
    each other and all stay. `directions` (M) are minimize or maximize. Raises FrontError if the shapes do
    not fit, a direction is unknown or a coordinate is not a number.
    """
    costs = _costs(points, directions)
    return np.flatnonzero([not _beaten(cost, costs) for cost in costs])


def _costs(points: ArrayLike, directions: Sequence[str]) -> NDArray[np.float64]:
    """The points with the sign by which less is better."""
    costs = np.asarray(points, dtype=np.float64)
    if not len(directions) or costs.shape[1:] != (len(directions),) or np.isnan(costs).any():
        raise FrontError(f"front: points have shape {costs.shape}; wanted (N, {len(directions)}), no NaN")
    if any(way not in ("minimize", "maximize") for way in directions):
        raise FrontError(f"front: directions are {list(directions)}; wanted minimize or maximize")
    return costs * np.array([-1.0 if way == "maximize" else 1.0 for way in directions])


def _beaten(cost: NDArray[np.float64], costs: NDArray[np.float64]) -> bool:
    return bool(np.any(np.all(costs <= cost, axis=1) & np.any(costs < cost, axis=1)))
