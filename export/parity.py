"""How far two runs of one graph are apart, output by output."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from export.errors import ExportError

SAYS = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two arrays: largest and mean absolute difference, cosine between them (1 is equal)."""

    max_abs: float
    mean_abs: float
    cosine: float


def compare(one: Sequence[np.ndarray], other: Sequence[np.ndarray], names: Sequence[str]) -> dict[str, Difference]:
    """The difference of each output, by name. Raises ExportError where counts or shapes do not match."""
    if not len(one) == len(other) == len(names):
        raise ExportError(f"{len(one)} outputs beside {len(other)} under {len(names)} names; give as many of each")
    return {name: _difference(a, b, name) for name, a, b in zip(names, one, other, strict=True)}


def _difference(one: np.ndarray, other: np.ndarray, name: str) -> Difference:
    if one.shape != other.shape:
        raise ExportError(f"{name}: {one.shape} beside {other.shape}; both runs must come from one graph")
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    gap = np.abs(a - b)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    cosine = float(a @ b) / lengths if lengths else float(np.array_equal(a, b))
    return Difference(float(gap.max(initial=0)), float(gap.mean()) if gap.size else 0.0, cosine)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike one output was over several images.

    `cosine`: of all its numbers. `channel`: the least cosine of any of its channels that says something, so that
    scores which vanish beside boxes in pixels are seen. `max_abs`: the largest difference.
    """

    cosine: float
    channel: float
    max_abs: float


def liken(
    pairs: Iterable[tuple[Sequence[np.ndarray], Sequence[np.ndarray]]], names: Sequence[str]
) -> dict[str, Likeness]:
    """The likeness of each output over (right, other) runs of the same images. Raises ExportError as `compare`."""
    sums: dict[str, _Sums] = {}
    for right, other in pairs:
        compare(right, other, names)
        for name, a, b in zip(names, right, other, strict=True):
            sums.setdefault(name, _Sums()).add(_channels(a), _channels(b))
    if not sums:
        raise ExportError("parity: no images given; give at least one")
    return {name: one.told() for name, one in sums.items()}


class _Sums:
    """Over images, of each channel: products, squares, the largest value of the right run; the largest difference."""

    def __init__(self) -> None:
        self.sums: np.ndarray | None = None
        self.peak: np.ndarray | None = None
        self.gap = 0.0

    def add(self, a: np.ndarray, b: np.ndarray) -> None:
        made, peak = np.stack([(a * b).sum(1), (a * a).sum(1), (b * b).sum(1)]), np.abs(a).max(1, initial=0)
        self.sums = made if self.sums is None else self.sums + made
        self.peak = peak if self.peak is None else np.maximum(self.peak, peak)
        self.gap = max(self.gap, float(np.abs(a - b).max(initial=0)))

    def told(self) -> Likeness:
        assert self.sums is not None
        assert self.peak is not None
        # A channel says something where it reaches a score of .05, or a twentieth of what any of them reaches.
        counts = self.peak >= min(SAYS, SAYS * float(self.peak.max(initial=0)))
        each = [_cosine(*one) for one, says in zip(self.sums.T, counts, strict=True) if says]
        return Likeness(_cosine(*self.sums.sum(1)), min(each, default=1.0), self.gap)


def _cosine(product: float, one: float, other: float) -> float:
    lengths = float(np.sqrt(one) * np.sqrt(other))
    return float(product) / lengths if lengths else float(one == other)


def _channels(value: np.ndarray) -> np.ndarray:
    """(channels, all else) of an output: one row where there is no telling what its channels are."""
    flat, shape = value.astype(np.float64), value.shape
    if value.ndim < 3:
        return flat.reshape(1, -1)
    axis = value.ndim - 1
    if value.ndim == 3:
        axis = 1 if shape[1] < shape[2] else 2  # 84 x 8400, 1917 x 91
    elif value.ndim == 4 and shape[1] != shape[2]:
        axis = 1  # maps: rows and columns are equally many
    return np.moveaxis(flat, axis, 0).reshape(shape[axis], -1)
