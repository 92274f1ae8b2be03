"""Average precision by the share of the image that an object covers: small, medium, large."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mfast_edge.data.sample import Truth
from mfast_edge.metrics.average_precision import Points, table
from mfast_edge.metrics.match import THRESHOLDS, Matches, Range, Ranking, within
from mfast_edge.metrics.mean import macro
from mfast_edge.models.boxes import overlaps
from mfast_edge.models.detections import Detections

BUCKETS = {  # name → (smallest share, largest share, both ends among them, IoU)
    "small": (0.0, (1 / 6) ** 2, 0.5),
    "medium": ((1 / 6) ** 2, (1 / 3) ** 2, 0.6),
    "large": ((1 / 3) ** 2, 1.0, 0.7),
}


@dataclass(frozen=True, slots=True)
class ByArea:
    """Fractions; NaN in the sound variant, 0 in the weighted one, where no class has such a truth."""

    map: float
    map50: float
    map75: float
    small: float
    medium: float
    large: float


def relative_area(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    classes: int,
    pixels: Sequence[float],
    points: Points = "101",
) -> ByArea:
    """Average precision of all objects and of each bucket; `pixels`: width x height of each image.

    COCO's matching: what is outside a bucket is ignored, truth or detection, and so is a difficult truth; plain
    means over thresholds and over the classes with a truth.
    """
    every = table(within(truths, found, classes, Range()), None, tuple(range(len(THRESHOLDS))), points)[0]
    shares = {
        name: within(truths, found, classes, Range((iou,), low, high, pixels))
        for name, (low, high, iou) in BUCKETS.items()
    }
    buckets = {name: float(macro(table(one, None, (0,), points)[0])[0]) for name, one in shares.items()}
    means = macro(every)
    return ByArea(float(means.mean()), float(means[0]), float(means[5]), **buckets)


def weighted(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    classes: int,
    pixels: Sequence[float],
    points: Points = "101",
) -> ByArea:
    """The same buckets as M-fast's code has them, for comparing with its figures only.

    (a) the mean over IoU .5 to .95 is weighted by the IoU; (b) a class with an average precision of 0 is left
    out of the mean; (c) truths, in the order given, each take the detection that overlaps them most, whatever
    its score; (d) only truths are held to a bucket, so a detection of another size is wrong; (e) so is every
    detection of a class that its image has no truth of; difficult truths count as any other,
    and regions of class ANY, which it does not know, excuse nothing.
    """
    match = partial(by_truth, truths, found, classes)
    every = Range(pixels=pixels)
    means = _known(table(match(every), None, tuple(range(len(THRESHOLDS))), points)[0])
    buckets = {
        name: float(_known(table(match(Range((iou,), low, high, pixels)), None, (0,), points)[0])[0])
        for name, (low, high, iou) in BUCKETS.items()
    }
    return ByArea(float(np.average(means, weights=THRESHOLDS)), float(means[0]), float(means[5]), **buckets)


def by_truth(truths: Sequence[Truth], found: Sequence[Detections], classes: int, wanted: Range) -> Matches:
    """Matches as `weighted` says (c) to (e)."""
    assert len(truths) == len(found), f"{len(truths)} truths for {len(found)} images of detections"
    return Matches(len(truths), tuple(_ranking(truths, found, label, wanted) for label in range(classes)))


def _ranking(truths: Sequence[Truth], found: Sequence[Detections], label: int, wanted: Range) -> Ranking:
    sizes = wanted.pixels or [1.0] * len(truths)
    inside = [_inside(truth, label, wanted, size) for truth, size in zip(truths, sizes, strict=True)]
    mine = [one.boxes[one.classes == label].astype(float) for one in found]
    scores = np.concatenate([np.zeros(0), *(one.scores[one.classes == label] for one in found)])
    images = np.repeat(np.arange(len(found)), [len(boxes) for boxes in mine])
    none = np.zeros((len(wanted.ious), 0), bool)
    taken = [_taken(boxes, those, wanted.ious) for boxes, those in zip(inside, mine, strict=True)]
    hits = np.concatenate([none, *taken], axis=1)
    order = np.argsort(-scores, kind="stable")
    positives = np.array([len(boxes) for boxes in inside], np.int64)
    return Ranking(scores[order], images[order], hits[:, order], np.zeros_like(hits), positives)


def _inside(truth: Truth, label: int, wanted: Range, pixels: float) -> np.ndarray:
    """The boxes of a class whose share of the image is asked for."""
    boxes = truth.boxes[truth.classes == label].astype(float)
    shares = (boxes[:, 2:] - boxes[:, :2]).prod(1) / pixels
    return boxes[(shares >= wanted.low) & (shares <= wanted.high)]


def _taken(truths: np.ndarray, found: np.ndarray, ious: Sequence[float]) -> np.ndarray:
    """(T, D) bool: the detections that a truth takes; each is taken once."""
    taken = np.zeros((len(ious), len(found)), bool)
    if not len(found):
        return taken
    every = overlaps(truths, found)
    for place, threshold in enumerate(ious):
        left = every.copy()
        for row in range(len(truths)):
            best = int(left[row].argmax())
            if left[row, best] >= threshold:
                taken[place, best] = True
                left[:, best] = 0.0
    return taken


def _known(values: np.ndarray) -> np.ndarray:
    """(T,) means of (T, C) over what is neither NaN nor 0; 0 where nothing is left."""
    return np.nan_to_num(macro(np.where(values == 0, np.nan, values)))
