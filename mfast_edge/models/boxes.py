"""Boxes after the network, numpy only: clip, keep the best, suppress overlaps."""

import numpy as np


def clip(boxes: np.ndarray, height: float, width: float) -> np.ndarray:
    """(N, 4) x1 y1 x2 y2 boxes, cut to the image."""
    return np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype))


def top(scores: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` highest of (N,) scores, best first; equal scores keep their order."""
    if len(scores) > count:
        best = np.sort(np.argpartition(-scores, count - 1)[:count])
        return best[np.argsort(-scores[best], kind="stable")]
    return np.argsort(-scores, kind="stable")


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
    """Indices kept by greedy non-maximum suppression inside each group (class), best first."""
    order = np.argsort(-scores, kind="stable")
    apart = (groups[order] * (boxes.max(initial=0) + 1)).astype(boxes.dtype)  # groups never touch
    free = ~crowded(boxes[order] + apart[:, None], threshold)
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= free[i, i + 1 :]
    return order[alive]


def crowded(boxes: np.ndarray, threshold: float) -> np.ndarray:
    """(N, N) whether two of (N, 4) boxes overlap by more than `threshold`, without a division or a copy."""
    x1, y1, x2, y2 = boxes.T
    shared = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    height = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    np.maximum(shared, 0, out=shared)
    np.maximum(height, 0, out=height)
    shared *= height
    area = (x2 - x1) * (y2 - y1) * threshold
    shared *= 1 + threshold
    return shared > area[:, None] + area
