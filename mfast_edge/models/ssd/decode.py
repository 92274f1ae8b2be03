"""SSD's raw outputs to boxes and scores, numpy only: the same file on every runtime and board."""

from typing import Any, Dict, Sequence, Tuple

import numpy as np


def anchors(facts: Dict[str, Any]) -> np.ndarray:
    """(N, 4) cy cx h w in parts of the image: row by row, cell by cell, each level's shapes in turn.

    `grids`: how many of a level's cells span the image, where that is not its side (Liu 2016's steps).
    """
    rows = []
    for side, grid, shapes in zip(facts["maps"], facts.get("grids", facts["maps"]), facts["shapes"]):
        centre = (np.arange(side, dtype=np.float64) + 0.5) / grid
        cy, cx, which = np.meshgrid(centre, centre, np.arange(len(shapes)), indexing="ij")
        sides = np.array(shapes, np.float64)[which.ravel()]
        rows.append(np.concatenate([cy.reshape(-1, 1), cx.reshape(-1, 1), sides], 1))
    return np.concatenate(rows).astype(np.float32)


def ready(facts: Dict[str, Any]) -> Dict[str, Any]:
    """The facts with the anchors worked out once, and the score threshold as a logit."""
    score = facts["score_threshold"]
    return dict(facts, anchors=anchors(facts), logit_threshold=float(np.log(score / (1 - score))))


def decode(outputs: Sequence[np.ndarray], facts: Dict[str, Any]) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) x1 y1 x2 y2 in 0..1 and scores (N, classes) of the anchors whose best score counts.

    Of more than `candidates` of them only the best are unpacked, and the last one's equals: what is best of any
    class is among them.

    `outputs`: box codes (1, anchors, 4) ty tx th tw and class logits (1, anchors, classes); facts from `ready`.
    """
    codes, logits = outputs[0][0], outputs[1][0]
    best = logits.max(1)
    rows = np.flatnonzero(best >= facts["logit_threshold"])
    count = facts["candidates"]
    if len(rows) > count:
        rows = rows[best[rows] >= -np.partition(-best[rows], count - 1)[count - 1]]
    scores = 1 / (1 + np.exp(-logits[rows]))
    return unpack(codes[rows], facts["anchors"][rows], facts["variances"]), scores


def unpack(codes: np.ndarray, base: np.ndarray, variances: Sequence[float]) -> np.ndarray:
    """(N, 4) box codes on (N, 4) anchors → x1 y1 x2 y2 (Liu 2016, eq. 2, solved for the box)."""
    codes = codes * np.array(variances, np.float32)
    centre = codes[:, :2] * base[:, 2:] + base[:, :2]
    half = np.exp(np.minimum(codes[:, 2:], 4)) * base[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], 1)[:, [1, 0, 3, 2]]
