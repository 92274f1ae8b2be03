"""How sure a figure is: percentile intervals over resampled images (Efron 1979), paired for two models."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mfast_edge.metrics import f1
from mfast_edge.metrics.average_precision import map50
from mfast_edge.metrics.match import Matches

Measure = Callable[[Matches, np.ndarray | None], np.ndarray]
"""(matches, (R, I) weights of images or None for all once) -> (R,) figures: map50, map_all, at(.3)."""
Figure = Callable[[np.ndarray | None], np.ndarray]
"""The same of whatever it already knows: weights -> (R,) figures."""


@dataclass(frozen=True, slots=True)
class Interval:
    """`one` minus `other` on all images, and the 95 % interval of that difference; fractions."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure on all images and its 95 % interval; fractions."""

    value: float
    low: float
    high: float


def paired(one: Matches, other: Matches, *, measure: Measure = map50, resamples: int = 1000, seed: int = 0) -> Interval:
    """How much higher `one` is than `other` on the same images: both see the same resamples."""
    assert one.images == other.images, f"{one.images} and {other.images} images cannot be paired"
    return apart(one.images, partial(measure, one), partial(measure, other), resamples, seed)


def interval(matches: Matches, *, measure: Measure = map50, resamples: int = 1000, seed: int = 0) -> Spread:
    """A figure of one model and how far other images of the same kind would move it."""
    return spread(matches.images, partial(measure, matches), resamples, seed)


def apart(images: int, one: Figure, other: Figure, resamples: int = 1000, seed: int = 0) -> Interval:
    """Any figure of one model minus that of another on these images."""
    found = spread(images, lambda weights: one(weights) - other(weights), resamples, seed)
    return Interval(found.value, found.low, found.high)


def spread(images: int, figure: Figure, resamples: int = 1000, seed: int = 0) -> Spread:
    """Any figure of these images and its interval."""
    return Spread(float(figure(None)[0]), *_middle(figure(resample(images, resamples, seed))))


def at(confidence: float) -> Measure:
    """The measure macro F1 at this confidence."""
    return partial(f1.measure, confidence=confidence)


def resample(images: int, resamples: int, seed: int) -> np.ndarray:
    """(R, I) float64: how often each image was drawn, each row being `images` draws with replacement."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.float64)


def _middle(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the resamples; those without any truth say nothing. NaN where none says anything."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
