"""Whether two runtimes find the same, matched one to one both ways: here and on the board, Python 3.6, numpy."""

from typing import Iterator, NamedTuple, Sequence

import numpy as np

if __package__:
    from mfast_edge.models.boxes import overlaps
    from mfast_edge.models.detections import Detections
else:  # on the board the files lie side by side
    from boxes import overlaps  # type: ignore[import-not-found,no-redef]
    from detections import Detections  # type: ignore[import-not-found,no-redef]


class Parity(NamedTuple):
    """How alike two lists of detections are.

    total counts the scored detections of both sides together, matched those of them with a partner, share
    is matched / total (1 where there are none). worst_score_delta, mean_iou and mean_score_delta are over all
    pairs alike in place, also those whose scores are too far apart to count; all 0 without a pair.
    """

    share: float
    matched: int
    total: int
    worst_score_delta: float
    mean_iou: float
    mean_score_delta: float


class _Pair(NamedTuple):
    iou: float
    delta: float
    sure: int  # how many of the two are scored high enough to count


def match(
    one: Sequence[Detections],
    other: Sequence[Detections],
    *,
    score: float = 0.05,
    iou: float = 0.99,
    delta: float = 0.01,
) -> Parity:
    """Pairs of the same image and class with at least that `iou` and scores at most `delta` apart.

    Only detections scored `score` or more count, but their partners are looked for among all: a box at .0501
    here and .0499 there is not missing. So pass lists that reach well below `score`.
    """
    assert len(one) == len(other), "as many images on both sides are compared"
    total = sum(int((found.scores >= score).sum()) for found in [*one, *other])
    pairs = [pair for here, there in zip(one, other) for pair in _pairs(here, there, score, iou)]
    matched = sum(pair.sure for pair in pairs if pair.delta <= delta)
    return Parity(
        share=matched / total if total else 1.0,
        matched=matched,
        total=total,
        worst_score_delta=max((pair.delta for pair in pairs), default=0.0),
        mean_iou=float(np.mean([pair.iou for pair in pairs])) if pairs else 0.0,
        mean_score_delta=float(np.mean([pair.delta for pair in pairs])) if pairs else 0.0,
    )


def _pairs(one: Detections, other: Detections, score: float, iou: float) -> Iterator[_Pair]:
    """Greedy one to one: the best overlap first, of equal ones the closer scores."""
    overlap = overlaps(one.boxes.astype(np.float64), other.boxes.astype(np.float64))
    overlap[(one.boxes[:, None] == other.boxes[None]).all(2)] = 1  # boxes without an area too
    sure = (one.scores >= score)[:, None].astype(int) + (other.scores >= score)[None]
    delta = np.abs(one.scores[:, None].astype(np.float64) - other.scores[None])
    alike = (one.classes[:, None] == other.classes[None]) & (overlap >= iou) & (sure > 0)
    rows, columns = np.nonzero(alike)
    left, right = set(rows.tolist()), set(columns.tolist())
    for place in np.lexsort((delta[rows, columns], -overlap[rows, columns])):
        row, column = int(rows[place]), int(columns[place])
        if row in left and column in right:
            left.remove(row)
            right.remove(column)
            yield _Pair(float(overlap[row, column]), float(delta[row, column]), int(sure[row, column]))
