"""A graph whose decoder nobody knows: its raw outputs beside stored ones. Travels: Python 3.6, numpy."""

from typing import Any, Dict, List, Sequence

import numpy as np
import timing  # type: ignore[import-not-found]
from opened import Bundle, Model, array  # type: ignore[import-not-found]

# The least cosine of an output over all stored inputs, by the precision that computes it.
LIMITS = {"float32": 0.99999, "float16": 0.999}
ROUGH = 0.99


def inputs(box: Bundle) -> List[np.ndarray]:
    """The stored images, as the graphs take them."""
    return [array(box, name) for name in box.told["check"]["inputs"]]


def stored(box: Bundle, name: str) -> List[List[np.ndarray]]:
    """For each input the outputs that the graph gave where the bundle was made, in the manifest's order."""
    return [[array(box, one) for one in each] for each in box.told["graphs"][name]["raw"]]


def check(box: Bundle, model: Model, least: float) -> Any:
    """(times of one forward each, how alike its outputs are to what was stored)."""
    seen, before, taken = inputs(box), stored(box, model.name), []
    model.forward(seen[0])  # the first call of all loads and warms
    found = []
    for image in seen:
        given, ms = timing.once(lambda image=image: model.forward(image))
        found.append(given)
        taken.append(ms)
    cosines, gap = [], 0.0
    for place in range(len(box.told["outputs"])):
        right = np.concatenate([np.ravel(one[place]) for one in before]).astype(np.float64)
        other = np.concatenate([np.ravel(one[place]) for one in found]).astype(np.float64)
        same = right.shape == other.shape and bool(np.isfinite(other).all())
        cosines.append(cosine(right, other) if same else 0.0)
        gap = max(gap, float(np.abs(right - other).max())) if same else float("inf")
    worst = min(cosines)
    told = {"cosine": worst, "max_abs": gap if np.isfinite(gap) else None, "photos": len(seen), "limit": least}
    told["passed"] = bool(worst >= least)
    return timing.Series("forward", (tuple(taken),)), told


def cosine(right: np.ndarray, other: np.ndarray) -> float:
    """Of two rows of numbers; of rows of nothing but zeros 1 where both are."""
    lengths = float(np.linalg.norm(right) * np.linalg.norm(other))
    return float(right.dot(other)) / lengths if lengths else float(np.array_equal(right, other))


def told(head: str, same: Dict[str, Any]) -> str:
    """A row of check, in a line."""
    return "{}: {}: cosine {:.6f} (at least {:g} must) and largest difference {} over {} stored inputs".format(
        head, "same" if same["passed"] else "NOT the same", same["cosine"], same["limit"],
        "unknown" if same["max_abs"] is None else "{:.4g}".format(same["max_abs"]), same["photos"],
    )  # fmt: skip


def calls(place: int, model: Model, seen: Sequence[np.ndarray]) -> Dict[str, Any]:
    """What bench times of a graph: its forward alone."""
    return {"{} forward".format(place): lambda: model.forward(seen[0])}
