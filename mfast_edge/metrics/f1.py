"""F1 at IoU .5: over all confidences, at the best one, at a given one."""

from dataclasses import dataclass

import numpy as np

from mfast_edge.metrics.match import Matches, Ranking
from mfast_edge.metrics.mean import macro, rows


@dataclass(frozen=True, slots=True)
class Curve:
    """confidences (K,) rising, f1 (C, K): each class's F1 of the detections at or above each confidence.

    A class without truths is NaN.
    """

    confidences: np.ndarray
    f1: np.ndarray


@dataclass(frozen=True, slots=True)
class Best:
    """The confidence with the highest macro F1 (the higher one of two that are equally good), and that F1."""

    confidence: float
    f1: float


def curve(matches: Matches, confidences: np.ndarray | None = None) -> Curve:
    """F1 at `confidences`, or at every score that a detection has; ignored detections are neither right nor wrong."""
    if confidences is None:
        scores = [ranking.scores for ranking in matches.rankings if ranking.positives.any()]
        confidences = np.unique(np.concatenate([np.zeros(0), *scores]))
    lines = [_line(ranking, confidences) for ranking in matches.rankings]
    return Curve(confidences, np.array(lines).reshape(len(lines), len(confidences)))


def best(matches: Matches) -> Best:
    """Where macro F1 over the classes with truths is highest; confidence 1, F1 0 where nothing was found."""
    found = curve(matches)
    if not len(found.confidences):
        return Best(1.0, 0.0)
    values = macro(found.f1.T)
    place = len(values) - 1 - int(np.argmax(values[::-1]))
    return Best(float(found.confidences[place]), float(values[place]))


def at(matches: Matches, confidence: float) -> float:
    """Macro F1 of the detections scored `confidence` or more; NaN where no class has a truth."""
    return float(measure(matches, None, confidence)[0])


def measure(matches: Matches, weights: np.ndarray | None, confidence: float) -> np.ndarray:
    """(R,) macro F1 at a confidence under each row of (R, I) weights of images."""
    weighted = rows(weights, matches.images)
    values = [_weighted(ranking, weighted, confidence) for ranking in matches.rankings]
    return macro(np.array(values).reshape(len(values), len(weighted)).T)


def _line(ranking: Ranking, confidences: np.ndarray) -> np.ndarray:
    """(K,) F1 of one class."""
    count = np.searchsorted(-ranking.scores, -confidences, side="right")
    right = np.append(0, np.cumsum(ranking.hits[0]))[count]
    said = np.append(0, np.cumsum(~ranking.ignored[0]))[count]
    return _f1(right, said, np.full(len(confidences), ranking.positives.sum()))


def _weighted(ranking: Ranking, weights: np.ndarray, confidence: float) -> np.ndarray:
    """(R,) F1 of one class at one confidence."""
    size = len(ranking.positives)
    sure = ranking.scores >= confidence
    right = np.bincount(ranking.images[sure & ranking.hits[0]], minlength=size)
    said = np.bincount(ranking.images[sure & ~ranking.ignored[0]], minlength=size)
    return _f1(weights @ right, weights @ said, weights @ ranking.positives)


def _f1(right: np.ndarray, said: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """2 right / (detections + truths); NaN without truths."""
    return np.where(positives > 0, 2 * right / np.maximum(said + positives, 1e-12), np.nan)
