"""Bytes times int8 weights, summed as vpmaddubsw does: pairs of products cut to 16 bits."""

from dataclasses import dataclass
from typing import Any

import numpy as np

_LOW, _HIGH = -(2**15), 2**15 - 1
_ROOM = 1 << 20  # pair sums held at once


@dataclass(slots=True)
class Tally:
    """How many pair sums there were, and how many were cut."""

    sums: int = 0
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights (groups, outputs, inputs) of one layer, and the pairs of inputs whose products can leave 16 bits.

    `outputs` and `places` name those pairs in `pairs` (groups * outputs, pairs, 2); none in depthwise layers.
    """

    weights: np.ndarray
    offset: np.ndarray  # (groups, outputs, 1): zero point times the sum of weights
    paired: bool
    pairs: np.ndarray
    outputs: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, weights: np.ndarray, kernel: int, zero: int) -> "Matrix":
        """The weights made ready; `kernel` is how many places a filter has, `zero` the bytes' zero point."""
        groups, count, inside = weights.shape
        paired = groups == 1 or inside != kernel
        padded = np.pad(weights, ((0, 0), (0, 0), (0, inside % 2)))
        pairs = padded.reshape(groups * count, -1, 2).astype(np.int32)
        beyond = (255 * np.maximum(pairs, 0).sum(2) > _HIGH) | (255 * np.minimum(pairs, 0).sum(2) < _LOW)
        outputs, places = np.nonzero(beyond & paired)
        exact: type[np.floating[Any]] = np.float32  # where no sum reaches 2^24 nothing is rounded
        if 255 * np.abs(weights).sum(2).max() >= 2**24:
            exact = np.float64
        return cls(weights.astype(exact), zero * weights.sum(2)[:, :, None], paired, pairs, outputs, places)

    def times(self, cells: np.ndarray, tally: Tally | None) -> np.ndarray:
        """(groups * outputs, cells) sums of (byte - zero) * weight over (groups, inputs, cells) uint8.

        With a `tally` pairs of products are cut to 16 bits, and counted; without one nothing is.
        """
        total = np.matmul(self.weights, cells.astype(self.weights.dtype)).astype(np.float64) - self.offset
        total = total.reshape(-1, cells.shape[2])
        if tally is not None and self.paired:
            tally.sums += self.pairs.shape[0] * self.pairs.shape[1] * cells.shape[2]
            self._cut(total, np.pad(cells, ((0, 0), (0, cells.shape[1] % 2), (0, 0))), tally)
        return total

    def _cut(self, total: np.ndarray, cells: np.ndarray, tally: Tally) -> None:
        """Add to `total` what the cut changes; only the pairs that can leave 16 bits are looked at."""
        each = len(self.pairs) // len(cells)
        at_once = max(1, _ROOM // cells.shape[2])
        for start in range(0, len(self.outputs), at_once):
            mine, where = self.outputs[start : start + at_once], self.places[start : start + at_once]
            by = self.pairs[mine, where]
            sums = cells[mine // each, 2 * where].astype(np.int32) * by[:, :1]
            sums += cells[mine // each, 2 * where + 1] * by[:, 1:]
            sums = np.clip(sums, _LOW, _HIGH) - sums
            tally.cut += int(np.count_nonzero(sums))
            first = np.flatnonzero(np.diff(mine, prepend=-1))
            total[mine[first]] += np.add.reduceat(sums, first, axis=0)
