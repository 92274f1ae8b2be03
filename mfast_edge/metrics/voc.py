"""Matching by the rules of Pascal VOC (Everingham 2010, section 4.2)."""

from collections.abc import Sequence

import numpy as np
from pycocotools import mask

from mfast_edge.data.sample import ANY, Truth
from mfast_edge.metrics.match import Matches, Ranking
from mfast_edge.models.boxes import overlaps
from mfast_edge.models.detections import Detections

THRESHOLDS = (0.5, 0.75)  # VOC's own, and the one by which competitions rank


def match(truths: Sequence[Truth], found: Sequence[Detections], classes: int) -> Matches:
    """Detections of each image matched to its truths, per class, at IoU .5 and .75.

    Best score first, each detection looks at the one truth that it overlaps most: found already, it is a false
    positive, even if another truth would be near enough (COCO would give it that one). An ignored truth makes
    it neither right nor wrong, and so does a region of class ANY that holds as much of it as the IoU asked for,
    which VOC does not know and COCO calls a crowd. Boxes are continuous: no pixel is added to their sides.
    """
    assert len(truths) == len(found), f"{len(truths)} truths for {len(found)} images of detections"
    return Matches(len(truths), tuple(ranking(truths, found, label) for label in range(classes)))


def ranking(truths: Sequence[Truth], found: Sequence[Detections], label: int) -> Ranking:
    """One class."""
    mine = [one.classes == label for one in found]
    scores = np.concatenate([np.zeros(0), *(one.scores[rows] for one, rows in zip(found, mine, strict=True))])
    images = np.repeat(np.arange(len(found)), [int(rows.sum()) for rows in mine])
    shape = (len(THRESHOLDS), 0)
    pairs = [image(truth, one, label) for truth, one in zip(truths, found, strict=True)]
    hits = np.concatenate([np.zeros(shape, bool), *(pair[0] for pair in pairs)], axis=1)
    ignored = np.concatenate([np.zeros(shape, bool), *(pair[1] for pair in pairs)], axis=1)
    positives = np.array([np.count_nonzero((one.classes == label) & ~one.ignore) for one in truths], np.int64)
    order = np.argsort(-scores, kind="stable")
    return Ranking(scores[order], images[order], hits[:, order], ignored[:, order], positives)


def image(truth: Truth, found: Detections, label: int) -> tuple[np.ndarray, np.ndarray]:
    """(hits, ignored), both (T, D) bool: one class of one image, detections in the order given."""
    wanted = truth.classes == label
    boxes, hard = truth.boxes[wanted].astype(float), truth.ignore[wanted]
    rows = np.flatnonzero(found.classes == label)
    hits, ignored = np.zeros((2, len(THRESHOLDS), len(rows)), bool)
    said = found.boxes[rows].astype(float)
    forgiven = held(said, truth.boxes[truth.classes == ANY].astype(float))
    if not len(boxes):
        return hits, forgiven
    ious = overlaps(said, boxes)
    nearest = ious.argmax(1)
    for place, threshold in enumerate(THRESHOLDS):
        taken: set[int] = set()
        for row in np.argsort(-found.scores[rows], kind="stable"):
            best = int(nearest[row])
            if ious[row, best] < threshold:
                continue
            ignored[place, row] = hard[best]
            hits[place, row] = not hard[best] and best not in taken
            taken.add(best)
    return hits, ignored | (forgiven & ~hits)


def held(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """(T, D) bool: the boxes of whose own area one of the regions holds each threshold's share."""
    if not len(boxes) or not len(regions):
        return np.zeros((len(THRESHOLDS), len(boxes)), bool)
    sides = [np.concatenate([one[:, :2], one[:, 2:] - one[:, :2]], axis=1) for one in (boxes, regions)]
    share = mask.iou(*sides, [1] * len(regions)).max(1)
    return np.array([share >= threshold for threshold in THRESHOLDS])
