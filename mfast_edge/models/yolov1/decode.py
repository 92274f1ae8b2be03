"""YOLOv1's raw outputs to boxes and scores, numpy only: the same file on every runtime and board."""

from typing import Any, Dict, Sequence, Tuple

import numpy as np


def corners(grid: int, boxes: int) -> np.ndarray:
    """(N, 2) column and row of the cell of each predictor: row by row, cell by cell, a cell's boxes in turn."""
    row, column, _ = np.meshgrid(np.arange(grid), np.arange(grid), np.arange(boxes), indexing="ij")
    return np.stack([column.ravel(), row.ravel()], 1).astype(np.float32)


def ready(facts: Dict[str, Any]) -> Dict[str, Any]:
    """The facts with the predictors' cells worked out once."""
    return dict(facts, corners=corners(facts["grid"], facts["boxes"]))


def decode(outputs: Sequence[np.ndarray], facts: Dict[str, Any]) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) x1 y1 x2 y2 in 0..1 and scores (N, classes) of the predictors whose best score counts.

    A score is confidence times class probability (Redmon 2016, eq. 1), each cut to 0..1.

    `outputs`: boxes (1, predictors, 5) x y √w √h confidence, classes (1, cells, classes); facts from `ready`.
    """
    codes, kinds = outputs[0][0], outputs[1][0]
    sure = np.clip(codes[:, 4], 0, 1)
    best = np.repeat(np.clip(kinds.max(1), 0, 1), facts["boxes"]) * sure
    rows = np.flatnonzero(best >= facts["score_threshold"])
    count = facts["candidates"]
    if len(rows) > count:
        rows = rows[best[rows] >= -np.partition(-best[rows], count - 1)[count - 1]]
    scores = np.clip(kinds[rows // facts["boxes"]], 0, 1) * sure[rows, None]
    return unpack(codes[rows], facts["corners"][rows], facts["grid"]), scores


def unpack(codes: np.ndarray, corner: np.ndarray, grid: int) -> np.ndarray:
    """(N, 4 or more) x y √w √h of (N, 2) cells → x1 y1 x2 y2: a centre within its cell, sides of the image."""
    centre = (codes[:, :2] + corner) / grid
    half = np.square(np.maximum(codes[:, 2:4], 0)) / 2
    return np.concatenate([centre - half, centre + half], 1)
