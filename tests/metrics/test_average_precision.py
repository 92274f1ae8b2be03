import json
import os
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data.sample import Truth
from mfast_edge.metrics.average_precision import average_precision, map50, map_all
from mfast_edge.metrics.coco import coco as twelve_of
from mfast_edge.metrics.match import evaluate
from mfast_edge.metrics.relative_area import relative_area
from mfast_edge.models.detections import Detections
from tests.metrics.scenes import A, B, C, coco, crowd, found, summarise, truth

DATA = os.environ.get("MFAST_DATA", "")


def test_one_false_positive_between_two_hits():
    # Precision 1 up to recall .5 (51 of 101 points), 2/3 up to 1 (50 points).
    seen, shown = truth((A, 0), (B, 0)), found((A, 0, 0.9), (C, 0, 0.8), (B, 0, 0.7))
    precision = average_precision(evaluate([seen], [shown], 1))
    assert precision.map50 == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)
    assert precision.map == pytest.approx(precision.map50)


def test_a_class_without_truths_is_left_out_of_the_mean():
    seen, shown = truth((A, 0)), found((A, 0, 0.9), (B, 1, 0.8))
    precision = average_precision(evaluate([seen], [shown], 3))
    assert precision.map50 == 1.0
    assert precision.per_class50[0] == 1.0
    assert np.isnan(precision.per_class50[1:]).all()


def test_nothing_found_is_zero_and_nothing_to_find_is_not_a_number():
    assert average_precision(evaluate([truth((A, 0))], [found()], 1)).map == 0.0
    assert np.isnan(average_precision(evaluate([truth()], [found((A, 0, 0.9))], 1)).map50)


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_pycocotools(seed: int):
    truths, detections = crowd(seed)
    precision = average_precision(evaluate(truths, detections, 4))
    stats = coco(truths, detections, 4).stats
    assert stats[0] > 0.05
    assert [precision.map, precision.map50, precision.map75] == pytest.approx(list(stats[:3]), abs=1e-9)


def test_each_class_is_that_of_pycocotools():
    truths, detections = crowd(7)
    values = coco(truths, detections, 3).eval["precision"][:, :, :, 0, 2]
    precision = average_precision(evaluate(truths, detections, 3))
    assert precision.per_class == pytest.approx(values.mean((0, 1)), abs=1e-9)
    assert precision.per_class50 == pytest.approx(values[0].mean(0), abs=1e-9)


@pytest.mark.skipif(not DATA, reason="MFAST_DATA is not set: real detections are there")
def test_figures_on_real_detections_are_those_of_pycocotools():
    folder = Path(DATA) / "voc100"
    data = json.loads((folder / "coco_v2/instances_v2.json").read_text())
    given = json.loads((folder / "detections/coco_dets.json").read_text())
    results = _renumbered(given, data)
    stats = summarise(data, [dict(row) for row in results]).stats
    order = {image["id"]: place for place, image in enumerate(data["images"])}
    labels = {kind["id"]: place for place, kind in enumerate(data["categories"])}
    truths = [Truth(*parts) for parts in _arrays(data["annotations"], order, labels, "iscrowd")]
    detections = [
        Detections(boxes, scores, classes) for boxes, classes, scores in _arrays(results, order, labels, "score")
    ]
    precision = average_precision(evaluate(truths, detections, len(labels)))
    assert len(results) == 452
    assert list(twelve_of(truths, detections, len(labels)).values()) == pytest.approx(list(stats), abs=1e-9)
    pixels = [image["width"] * image["height"] for image in data["images"]]
    assert relative_area(truths, detections, len(labels), pixels).map == pytest.approx(stats[0], abs=1e-9)
    assert [precision.map, precision.map50, precision.map75] == pytest.approx(list(stats[:3]), abs=1e-9)


def _renumbered(given: dict, data: dict) -> list[dict]:
    """The detections under the numbers that the annotations give images and categories."""
    images = {image["file_name"]: image["id"] for image in data["images"]}
    kinds = {kind["name"]: kind["id"] for kind in data["categories"]}
    image = {row["id"]: images[row["file_name"]] for row in given["images"]}
    kind = {row["id"]: kinds[row["name"]] for row in given["categories"]}
    return [
        {
            "image_id": image[row["image_id"]],
            "category_id": kind[row["category_id"]],
            "bbox": row["bbox"],
            "score": row["score"],
        }
        for row in given["annotations"]
    ]


def _arrays(rows: list[dict], order: dict, labels: dict, name: str):
    for image in order:
        mine = [row for row in rows if row["image_id"] == image]
        boxes = np.array([row["bbox"] for row in mine], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        yield (
            boxes,
            np.array([labels[row["category_id"]] for row in mine], int),
            np.array([row[name] for row in mine]),
        )


def test_a_weight_counts_an_image_as_often_as_it_says():
    truths = [truth((A, 0)), truth((A, 0))]
    matches = evaluate(truths, [found((A, 0, 0.9)), found((B, 0, 0.95), (A, 0, 0.6))], 1)
    # First image only: 1. Second only: its hit comes second, 1/2. Both: 1/2 and 2/3 at the hits, so 2/3.
    assert map50(matches, np.array([[2, 0], [0, 2], [1, 1]])) == pytest.approx([1, 1 / 2, 2 / 3], abs=1e-12)


def test_weights_give_the_figures_of_images_repeated():
    truths, detections = crowd(3, images=6)
    rng = np.random.default_rng(0)  # no equal scores: of those, repeated images come in another order
    detections = [one._replace(scores=one.scores + rng.uniform(0, 0.01, len(one.scores))) for one in detections]
    weights = np.array([[2, 0, 1, 3, 0, 1], [0, 1, 1, 1, 4, 0]])
    matches = evaluate(truths, detections, 3)
    for row, figure in zip(weights, map_all(matches, weights), strict=True):
        places = np.repeat(np.arange(6), row)
        again = evaluate([truths[i] for i in places], [detections[i] for i in places], 3)
        assert figure == pytest.approx(average_precision(again).map, abs=1e-12)
        assert figure > 0.1
        assert average_precision(matches, row).map == pytest.approx(figure, abs=1e-12)
