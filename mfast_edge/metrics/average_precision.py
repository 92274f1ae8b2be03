"""Average precision, COCO's of 101 points or another, of all images once or of any weighting of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mfast_edge.metrics.match import THRESHOLDS, Matches, Ranking
from mfast_edge.metrics.mean import macro, rows

Points = Literal["101", "11", "all"]
"""Recalls at which precision is read: COCO's, VOC 2007's, or every one (VOC 2010: the area under the envelope)."""

HALF, THREE_QUARTERS = (0,), (5,)  # places of IoU .5 and .75 in THRESHOLDS
ALL = tuple(range(len(THRESHOLDS)))


@dataclass(frozen=True, slots=True)
class Precision:
    """Fractions 0..1: means over the classes with truths, and each class (NaN for one without truths)."""

    map: float
    map50: float
    map75: float
    per_class50: tuple[float, ...]
    per_class: tuple[float, ...]


def average_precision(matches: Matches, weights: np.ndarray | None = None) -> Precision:
    """COCO's figures, of matches at THRESHOLDS; `weights` (I,) count an image as often as they say.

    NaN where no class has a truth.
    """
    values = table(matches, weights, ALL)[0]
    per_threshold = macro(values)
    each = values.mean(0)
    return Precision(
        map=float(per_threshold.mean()),
        map50=float(per_threshold[HALF[0]]),
        map75=float(per_threshold[THREE_QUARTERS[0]]),
        per_class50=tuple(values[HALF[0]].tolist()),
        per_class=tuple(each.tolist()),
    )


def map50(matches: Matches, weights: np.ndarray | None = None) -> np.ndarray:
    """(R,) mean average precision at IoU .5 under each row of (R, I) weights."""
    return macro(table(matches, weights, HALF))[:, 0]


def map_all(matches: Matches, weights: np.ndarray | None = None) -> np.ndarray:
    """(R,) mean average precision over IoU .5 to .95 under each row of (R, I) weights."""
    return macro(table(matches, weights, ALL)).mean(1)


def map75(matches: Matches, weights: np.ndarray | None = None) -> np.ndarray:
    """(R,) mean average precision at IoU .75 under each row of (R, I) weights."""
    return macro(table(matches, weights, THREE_QUARTERS))[:, 0]


def table(
    matches: Matches, weights: np.ndarray | None, thresholds: Sequence[int], points: Points = "101"
) -> np.ndarray:
    """(R, T, C) average precisions at places of the thresholds; NaN for a class without truths in that row."""
    weighted = rows(weights, matches.images)
    values = np.full((len(weighted), len(thresholds), len(matches.rankings)), np.nan)
    for label, ranking in enumerate(matches.rankings):
        for place, threshold in enumerate(thresholds):
            values[:, place, label] = _area(ranking, threshold, weighted, points)
    return values


def _area(ranking: Ranking, threshold: int, weights: np.ndarray, points: Points) -> np.ndarray:
    """(R,) average precision of one class at one threshold.

    Precision is looked at behind each hit only: between hits it can but fall, so the envelope rests there.
    """
    positives = weights @ ranking.positives.astype(np.float64)
    right, wrong = _counts(ranking, threshold, weights)
    recall = right / np.maximum(positives, np.finfo(float).tiny)[:, None]
    precision = right / np.maximum(right + wrong, np.finfo(float).tiny)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.pad(envelope, ((0, 0), (0, 1)))  # a recall never reached has precision 0
    if points == "all":
        means = (np.diff(recall, axis=1, prepend=0.0) * envelope).sum(1)
    else:
        asked = np.linspace(0.0, 1.0, int(points))
        means = np.array(
            [line[np.searchsorted(reached, asked)].mean() for line, reached in zip(padded, recall, strict=True)]
        )
    return np.where(positives > 0, means, np.nan)


def _counts(ranking: Ranking, threshold: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R, K) weighted true and false positives seen up to each of the K hits."""
    hits = ranking.hits[threshold]
    misses = ~hits & ~ranking.ignored[threshold]
    total = int(hits.sum())
    before = np.cumsum(hits)[misses]  # hits ahead of each miss: the place of the next hit
    images = ranking.images[misses][before < total]
    between = np.zeros((len(ranking.positives), total))
    np.add.at(between, (images, before[before < total]), 1.0)
    right = weights[:, ranking.images[hits]]
    return np.cumsum(right, axis=1), np.cumsum(weights @ between, axis=1)
