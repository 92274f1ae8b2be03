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
    boxes, groups = boxes[order], groups[order]
    clash = (overlaps(boxes, boxes) > threshold) & (groups[:, None] == groups[None])
    alive = np.ones(len(order), bool)
    for i in np.flatnonzero(clash.sum(1) > 1):
        if alive[i]:
            alive[i + 1 :] &= ~clash[i, i + 1 :]
    return order[alive]
