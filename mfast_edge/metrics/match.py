"""Detections matched to truths by pycocotools, kept so that figures can be had again under image weights."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mfast_edge.data.sample import ANY, Truth
from mfast_edge.models.detections import Detections

THRESHOLDS: np.ndarray = np.linspace(0.5, 0.95, 10)
LIMIT = 100  # detections per image and class that count, as in COCO


@dataclass(frozen=True, slots=True)
class Ranking:
    """One class: D detections of all images, best first, at T IoU thresholds (THRESHOLDS, unless said otherwise).

    scores and images (D,), hits and ignored (T, D) bool, positives (I,): truths to be found in each image.
    A detection that is neither a hit nor ignored is a false positive.
    """

    scores: np.ndarray
    images: np.ndarray
    hits: np.ndarray
    ignored: np.ndarray
    positives: np.ndarray


@dataclass(frozen=True, slots=True)
class Matches:
    """The rankings of all classes over the same `images` images."""

    images: int
    rankings: tuple[Ranking, ...]


def evaluate(truths: Sequence[Truth], found: Sequence[Detections], classes: int) -> Matches:
    """Detections of each image matched to its truths, per class, at IoU .5 to .95.

    COCO's rules: best score first, at most 100 per image and class; an ignored truth is a crowd, which takes
    any number of detections (by the share of the detection inside it) and makes them neither right nor wrong;
    one of class ANY does so in every class.
    """
    return within(truths, found, classes, Range())


@dataclass(frozen=True, slots=True)
class Range:
    """IoU thresholds, and the areas (both ends among them) of the truths that are to be found.

    Areas are square pixels, or of `pixels`, one image's size each, the share. As in COCO a truth of another area
    is ignored, and so is a detection of another area that finds nothing.
    """

    ious: Sequence[float] = tuple(THRESHOLDS.tolist())
    low: float = 0.0
    high: float = 1e10
    pixels: Sequence[float] | None = None


def within(truths: Sequence[Truth], found: Sequence[Detections], classes: int, wanted: Range) -> Matches:
    """The same at other thresholds, or for objects of some areas only."""
    size = len(truths)
    if not truths:
        return Matches(0, tuple(_rank([], 0, len(wanted.ious)) for _ in range(classes)))
    judge = judged(truths, found, classes, wanted.pixels)
    judge.params.areaRng, judge.params.areaRngLbl = [[wanted.low, wanted.high]], ["asked"]
    judge.params.maxDets, judge.params.iouThrs = [LIMIT], np.asarray(wanted.ious)
    every = shots(judge)
    each = [every[size * label : size * (label + 1)] for label in range(classes)]
    return Matches(size, tuple(_rank(rows, size, len(wanted.ious)) for rows in each))


def shots(judge: Any) -> list[dict[str, Any] | None]:
    """The judge's results of each class and image, in that order; None where there is nothing."""
    with contextlib.redirect_stdout(io.StringIO()):
        judge.evaluate()
    return list(judge.evalImgs)


def judged(
    truths: Sequence[Truth], found: Sequence[Detections], classes: int, pixels: Sequence[float] | None = None
) -> Any:
    """The reference library's judge with its own settings, not yet asked; areas in parts of `pixels` if given.

    Truths and detections are numbered from 1 through all images. Raises AssertionError on unequal lengths.
    """
    assert len(truths) == len(found), f"{len(truths)} truths for {len(found)} images of detections"
    sizes = pixels or [1.0] * len(truths)
    with contextlib.redirect_stdout(io.StringIO()):
        return COCOeval(_truths(truths, classes, sizes), _found(found, classes, sizes), "bbox")


def _truths(truths: Sequence[Truth], classes: int, pixels: Sequence[float]) -> Any:
    rows = (
        {**row, "iscrowd": int(ignore)}
        for image, truth in enumerate(spread(one, classes) for one in truths)
        for row, ignore in zip(_rows(image, truth, pixels[image]), truth.ignore, strict=True)
    )
    return _index(rows, len(truths), classes)


def spread(truth: Truth, classes: int) -> Truth:
    """The same truth with each region of class ANY written once for every class: what any metric can count by."""
    anything = truth.classes == ANY
    if not anything.any():
        return truth
    count = int(anything.sum())
    boxes = np.concatenate([truth.boxes[~anything], np.repeat(truth.boxes[anything], classes, axis=0)])
    kinds = np.concatenate([truth.classes[~anything], np.tile(np.arange(classes), count)])
    ignore = np.concatenate([truth.ignore[~anything], np.ones(count * classes, bool)])
    return Truth(boxes, kinds, ignore)


def _found(found: Sequence[Detections], classes: int, pixels: Sequence[float]) -> Any:
    rows = (
        {**row, "score": float(score)}
        for image, one in enumerate(found)
        for row, score in zip(_rows(image, one, pixels[image]), one.scores, strict=True)
    )
    return _index(rows, len(found), classes)


def _rows(image: int, marks: Truth | Detections, pixels: float) -> Iterator[dict[str, Any]]:
    exact = np.asarray(marks.boxes, np.float64).reshape(-1, 4)
    sides = exact[:, 2:] - exact[:, :2]
    for corner, side, label in zip(exact[:, :2], sides, marks.classes, strict=True):
        area = float(side[0] * side[1]) / pixels
        yield {"image_id": image, "category_id": int(label), "bbox": [*corner, *side], "area": area}


def _index(rows: Iterator[dict[str, Any]], images: int, classes: int) -> Any:
    index = COCO()
    # Numbered from 1: COCOeval takes the id 0 for "not matched".
    annotations = [{**row, "id": number} for number, row in enumerate(rows, start=1)]
    assert all(0 <= row["category_id"] < classes for row in annotations), f"a class outside 0..{classes - 1}"
    index.dataset = {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": label} for label in range(classes)],
        "annotations": annotations,
    }
    index.createIndex()
    return index


def _rank(results: Sequence[dict[str, Any] | None], images: int, thresholds: int) -> Ranking:
    """One class's results per image (None: nothing there), joined in score order."""
    known = [shot for shot in results if shot is not None]
    counts = [len(shot["dtScores"]) for shot in known]
    scores = np.concatenate([np.zeros(0), *(shot["dtScores"] for shot in known)])
    order = np.argsort(-scores, kind="stable")
    none = np.zeros((thresholds, 0), bool)
    matched = np.concatenate([none, *(shot["dtMatches"] > 0 for shot in known)], axis=1)[:, order]
    ignored = np.concatenate([none, *(shot["dtIgnore"] > 0 for shot in known)], axis=1)[:, order]
    positives = np.zeros(images, np.int64)
    for shot in known:
        positives[shot["image_id"]] = np.count_nonzero(shot["gtIgnore"] == 0)
    where = np.repeat(np.array([shot["image_id"] for shot in known], np.int64), counts)[order]
    return Ranking(scores[order], where, matched & ~ignored, ignored, positives)
