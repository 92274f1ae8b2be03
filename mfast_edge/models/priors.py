"""Anchor shapes that a data set's objects have: k-means over heights and widths."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Truths = Sequence[tuple[np.ndarray, np.ndarray]]  # boxes (M, 4) x1 y1 x2 y2 in parts of the image, ignore (M,)
ROUNDS = 100


def sides(truths: Truths) -> np.ndarray:
    """(N, 2) float32 height and width of every object that is to be found and has an area."""
    found = [boxes[~ignore][:, 2:] - boxes[~ignore][:, :2] for boxes, ignore in truths]
    whole = np.concatenate([*found, np.zeros((0, 2), np.float32)])[:, ::-1]
    return whole[(whole > 0).all(1)].astype(np.float32)


def priors(shapes: np.ndarray, count: int) -> np.ndarray:
    """(K, 2) shapes, K at most `count`, the smallest first: k-means over (N, 2) with 1 - IoU for a distance (Redmon
    2017, section 2), from the clusters of their logarithms; always the same ones. `shapes` must not be empty."""
    centres = np.exp(clustered(np.log(shapes), count)).astype(np.float64)
    for _ in range(ROUNDS):
        nearest = likeness(shapes, centres).argmax(1)
        moved = np.array([shapes[nearest == n].mean(0) if (nearest == n).any() else c for n, c in enumerate(centres)])
        if np.allclose(moved, centres, atol=1e-6):
            break
        centres = moved
    return centres[np.argsort(centres.prod(1), kind="stable")]


def clustered(points: np.ndarray, count: int) -> np.ndarray:
    """(K, 2) centres of (N, 2) float32 points, K at most `count`; always the same ones."""
    different = np.unique(points, axis=0)
    if len(different) <= count:
        return different
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4)
    return cv2.kmeans(points, count, None, stop, 5, cv2.KMEANS_PP_CENTERS)[2]  # type: ignore[call-overload]


def likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(N, K) IoU of (N, 2) and (K, 2) heights and widths on the same centre."""
    shared = np.minimum(one[:, None], other[None]).prod(2)
    return shared / (one.prod(1)[:, None] + other.prod(1)[None] - shared)
