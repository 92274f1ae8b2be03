"""Boxes after the network, numpy only: clip, keep the best, suppress overlaps."""

from typing import List

import numpy as np

BLOCK = 96  # boxes compared at once


def clip(boxes: np.ndarray, height: float, width: float) -> np.ndarray:
    """(N, 4) x1 y1 x2 y2 boxes, cut to the image."""
    return np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype))


def top(scores: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` highest of (N,) scores, best first; of equal scores the first, as ONNX's TopK does."""
    rows = np.arange(len(scores))
    if len(scores) > count:
        rows = np.flatnonzero(scores >= -np.partition(-scores, count - 1)[count - 1])
    return rows[np.argsort(-scores[rows], kind="stable")][:count]


def areas(boxes: np.ndarray) -> np.ndarray:
    """(N,) areas of (N, 4) boxes; an inside-out box has none."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def overlaps(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of (N, 4) and (M, 4) boxes; 0 where both are empty."""
    corner = np.minimum(one[:, None, 2:], many[None, :, 2:]) - np.maximum(one[:, None, :2], many[None, :, :2])
    corner = np.maximum(corner, 0)
    shared = corner[..., 0] * corner[..., 1]
    union = areas(one)[:, None] + areas(many)[None] - shared
    return shared / np.maximum(union, 1e-12)


def suppress(boxes: np.ndarray, scores: np.ndarray, groups: np.ndarray, threshold: float) -> np.ndarray:
    """Indices kept by greedy non-maximum suppression inside each group (class), best first.

    The best BLOCK that are left are compared with each other, and what they keep with all that remains.
    """
    rest = np.argsort(-scores, kind="stable")
    apart = boxes + (groups * (boxes.max(initial=0) + 1)).astype(boxes.dtype)[:, None]  # groups never touch
    kept = []
    while len(rest):
        block, rest = rest[:BLOCK], rest[BLOCK:]
        kept.append(block[greedy(crowded(apart[block], apart[block], threshold))])
        if len(rest):
            rest = rest[~crowded(apart[kept[-1]], apart[rest], threshold).any(0)]
    return np.concatenate(kept) if kept else rest


def greedy(crowd: np.ndarray) -> List[int]:
    """Which of N boxes stay, the best first, where (N, N) `crowd` says who overlaps whom.

    One step per kept box: rows are bit sets, as Python's whole numbers.
    """
    rows = np.packbits(crowd, 1, bitorder="little")
    left, kept = (1 << len(crowd)) - 1, []
    while left:
        best = (left & -left).bit_length() - 1
        kept.append(best)
        left &= ~(int.from_bytes(rows[best].tobytes(), "little") | 1 << best)
    return kept


def crowded(one: np.ndarray, many: np.ndarray, threshold: float) -> np.ndarray:
    """(N, M) whether (N, 4) and (M, 4) boxes overlap by more than `threshold`, without a division."""
    x1, y1, x2, y2 = one.T[:, :, None]
    shared = np.minimum(x2, many[:, 2]) - np.maximum(x1, many[:, 0])
    height = np.minimum(y2, many[:, 3]) - np.maximum(y1, many[:, 1])
    np.maximum(shared, 0, out=shared)
    np.maximum(height, 0, out=height)
    shared *= height
    shared *= 1 + threshold
    sizes = (many[:, 2] - many[:, 0]) * (many[:, 3] - many[:, 1]) * threshold
    return shared > (x2 - x1) * (y2 - y1) * threshold + sizes
