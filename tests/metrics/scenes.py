"""Small truths and detections for the tests of metrics and tasks, and COCOeval asked directly."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mfast_edge.data.sample import Truth
from mfast_edge.models.detections import Detections

# Four places that do not touch each other.
A, B, C, D = ([x, 10.0, x + 20, 40.0] for x in (0.0, 30.0, 60.0, 90.0))


def truth(*marks: tuple[list[float], int], ignored: Sequence[int] = ()) -> Truth:
    """Truth of (box, class) pairs; `ignored` are places in that list."""
    boxes = np.array([box for box, _ in marks], np.float32).reshape(-1, 4)
    ignore = np.isin(np.arange(len(marks)), ignored)
    return Truth(boxes, np.array([label for _, label in marks], np.int64), ignore)


def found(*marks: tuple[list[float], int, float]) -> Detections:
    """Detections of (box, class, score) triples."""
    boxes = np.array([mark[0] for mark in marks], np.float32).reshape(-1, 4)
    classes = np.array([mark[1] for mark in marks], np.int64)
    return Detections(boxes, np.array([mark[2] for mark in marks], np.float32), classes)


def crowd(seed: int, images: int = 12, classes: int = 3) -> tuple[list[Truth], list[Detections]]:
    """Random truths with ignored ones, empty images, and fair detections, in places more than 100."""
    rng = np.random.default_rng(seed)
    truths = [_truth(rng, int(count), classes) for count in rng.integers(0, 9, images)]
    return truths, [_found(rng, one, classes) for one in truths]


def _truth(rng: np.random.Generator, count: int, classes: int) -> Truth:
    return Truth(_boxes(rng, count), rng.integers(0, classes, count), rng.random(count) < 0.2)


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, 200, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(10, 60, (count, 2))], 1).astype(np.float32)


def _found(rng: np.random.Generator, truth: Truth, classes: int) -> Detections:
    extra = int(rng.choice([0, 5, 450]))
    near = truth.boxes + rng.normal(0, 2, truth.boxes.shape).astype(np.float32)
    boxes = np.concatenate([near, _boxes(rng, extra)])
    labels = np.concatenate([truth.classes, rng.integers(0, classes, extra)])
    odds = np.repeat([1 / 4, 2], [len(near), extra])
    scores = np.round(rng.random(len(boxes)) ** odds, 2).astype(np.float32)  # rounded: equal scores must occur
    return Detections(boxes, scores, labels)


def coco(truths: Sequence[Truth], detections: Sequence[Detections], classes: int) -> COCOeval:
    """COCOeval with its own settings, accumulated and summarised."""
    boxes = [_dicts(i, one.boxes, one.classes, "iscrowd", one.ignore) for i, one in enumerate(truths)]
    results = [_dicts(i, one.boxes, one.classes, "score", one.scores) for i, one in enumerate(detections)]
    data = {
        "images": [{"id": image} for image in range(len(truths))],
        "categories": [{"id": label} for label in range(classes)],
        "annotations": [{**row, "id": 1 + number} for number, row in enumerate(chain.from_iterable(boxes))],
    }
    return summarise(data, list(chain.from_iterable(results)))


def summarise(data: dict[str, Any], results: list[dict[str, Any]]) -> COCOeval:
    """COCOeval of a data set and results as COCO lays them out."""
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = data
        index.createIndex()
        judge = COCOeval(index, index.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge


def _dicts(
    image: int, boxes: np.ndarray, classes: np.ndarray, name: str, values: np.ndarray
) -> Iterator[dict[str, Any]]:
    for (x1, y1, x2, y2), label, value in zip(boxes.tolist(), classes, values, strict=True):
        sides = [x1, y1, x2 - x1, y2 - y1]
        row = {"image_id": image, "category_id": int(label), "bbox": sides, "area": sides[2] * sides[3]}
        yield {**row, name: value.item()}
