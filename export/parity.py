"""How far two runs of one graph are apart, output by output."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.errors import ExportError


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
