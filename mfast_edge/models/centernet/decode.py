"""CenterNet's raw outputs to boxes and scores, numpy only: the same file on every runtime and board."""

from typing import Any, Dict, Sequence, Tuple

import numpy as np


def ready(facts: Dict[str, Any]) -> Dict[str, Any]:
    """The facts with the score threshold as a logit."""
    score = facts["score_threshold"]
    return dict(facts, logit_threshold=float(np.log(score / (1 - score))))


def decode(outputs: Sequence[np.ndarray], facts: Dict[str, Any]) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) x1 y1 x2 y2 in parts of the image and scores (N, classes), the peak's own class the only one.

    The N best peaks that count, at most `candidates` (Zhou 2019, section 4). `outputs`: class logits (1, classes,
    side, side), sizes (1, 2, side, side) in `unit` cells, offsets as many in cells, x before y; facts from `ready`.
    """
    logits, sizes, offsets = outputs[0][0], outputs[1][0], outputs[2][0]
    kinds, rows, columns = peaks(logits, facts["logit_threshold"])
    best, count = logits[kinds, rows, columns], facts["candidates"]
    if len(best) > count:
        kept = np.sort(np.argsort(-best, kind="stable")[:count])
        kinds, rows, columns, best = kinds[kept], rows[kept], columns[kept], best[kept]
    centre = np.stack([columns, rows]).astype(np.float32) + offsets[:, rows, columns]
    half = np.maximum(sizes[:, rows, columns], 0) * np.float32(facts["unit"] / 2)
    scores = np.zeros((len(best), len(logits)), np.float32)
    scores[np.arange(len(best)), kinds] = 1 / (1 + np.exp(-best))
    return np.concatenate([centre - half, centre + half]).T / np.float32(facts["grid"]), scores


def peaks(logits: np.ndarray, threshold: float) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class, row and column of the (classes, rows, columns) logits that are at least `threshold` and that none of
    the eight around exceeds. Of neighbours alike, as 8 bits make them, the first counts."""
    classes, height, width = logits.shape
    framed = np.full((classes, height + 2, width + 2), -np.inf, logits.dtype)
    framed[:, 1:-1, 1:-1] = logits
    flat, line = framed.ravel(), width + 2
    places = np.flatnonzero(flat >= threshold)
    for step in (1, line - 1, line, line + 1):  # what is left becomes fewer from one to the next
        here = flat[places]
        places = places[(here > flat[places - step]) & (here >= flat[places + step])]
    kinds, rest = np.divmod(places, line * (height + 2))
    rows, columns = np.divmod(rest, line)
    return kinds, rows - 1, columns - 1
