"""What was said of photos as plain arrays, and every figure of it beside the headline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from mfast_edge.data.report import aligned
from mfast_edge.data.sample import ANY, Truth
from mfast_edge.metrics import bootstrap, confusion
from mfast_edge.metrics.confusion import Answers
from mfast_edge.models.detections import Detections
from mfast_edge.tasks.scene import Json, Scene
from mfast_edge.tasks.told import figure, intervals

MANY = 20  # classes that a table of confusions has columns for


def answers(truths: Sequence[Truth], found: Sequence[Detections], classes: int) -> Answers:
    """The photos that have exactly one class, and the probabilities that were given to each class of them; behind
    those of the `classes` what was given to ANY, classes that the data lack."""
    assert len(truths) == len(found), "as many photos on both sides are compared"
    pairs = [(truth.labels[0], one) for truth, one in zip(truths, found, strict=True) if len(truth.labels) == 1]
    strange = [one.classes == ANY for _, one in pairs]
    scores = np.zeros((len(pairs), classes + max((int(rows.sum()) for rows in strange), default=0)), np.float32)
    for row, rows, (_, one) in zip(scores, strange, pairs, strict=True):
        np.maximum.at(row, one.classes[~rows], one.scores[~rows].astype(np.float32))
        row[classes : classes + int(rows.sum())] = one.scores[rows]
    return Answers(np.array([label for label, _ in pairs], np.int64), scores)


def by_confusion(scene: Scene) -> Json:
    """Photos by true class, then by said class, in the order of the classes; precision, recall and F1 of each."""
    given = answers(scene.truths, scene.found, len(scene.classes))
    names = ("precision", "recall", "f1")
    count = len(scene.classes)
    figures = zip(*(row[0, :count] for row in confusion.per_class(given)), strict=True)
    rows = zip(scene.classes, confusion.matrix(given)[:count, :count].tolist(), figures, strict=True)
    return {
        "classes": list(scene.classes),
        "per_class": {name: {"said": said, **dict(zip(names, one, strict=True))} for name, said, one in rows},
    }


def by_calibration(scene: Scene) -> Json:
    """Log loss, calibration error, and each bin of confidence: photos, mean confidence, accuracy."""
    given = answers(scene.truths, scene.found, len(scene.classes))
    names = ("photos", "confidence", "accuracy")
    return {
        "log_loss": confusion.log_loss(given),
        "calibration_error": confusion.calibration_error(given),
        "bins": [dict(zip(names, one, strict=True)) for one in confusion.reliability(given)],
    }


def with_intervals(scene: Scene) -> Json:
    """Macro F1 and top-1, each with the 95 % bootstrap interval over photos."""
    given = answers(scene.truths, scene.found, len(scene.classes))
    right = (given.said == given.truths).astype(np.float64)

    def accuracy(weights: np.ndarray | None) -> np.ndarray:
        return np.atleast_1d(right.mean() if weights is None else weights @ right / given.images)

    measures: dict[str, bootstrap.Figure] = {"f1": partial(confusion.macro_f1, given), "top1": accuracy}
    return {name: asdict(bootstrap.spread(given.images, one)) for name, one in measures.items()}


METRICS: Mapping[str, Callable[[Scene], Json]] = {
    "confusion": by_confusion,
    "calibration": by_calibration,
    "intervals": with_intervals,
}


def lines(told: Mapping[str, Any]) -> list[str]:
    """Each metric's figures under its name."""
    found = []
    for name, figures in told.items():
        found += [f"{name}:", *(f"  {line}" for line in aligned(LINES[name](figures)))]
    return found


def confusion_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """A line per true class: photos by what was said, or of many classes what was said most; precision, recall, F1."""
    classes = figures["classes"]
    few = len(classes) <= MANY
    head = ["shows, said", *(classes if few else ["most"]), "precision", "recall", "F1"]
    rows = [
        [
            name,
            *(map(str, row["said"]) if few else [mostly(classes, row["said"])]),
            *(figure(row[one]) for one in ("precision", "recall", "f1")),
        ]
        for name, row in figures["per_class"].items()
    ]
    return [head, *rows]


def mostly(classes: Sequence[str], said: Sequence[int]) -> str:
    """`12 glass, 3 metal`: the three that were said most."""
    order = sorted(range(len(classes)), key=lambda place: -said[place])[:3]
    return ", ".join(f"{said[place]} {classes[place]}" for place in order if said[place]) or "–"


def calibration_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """The two means, then a line per bin of confidence."""
    rows = [[str(row["photos"]), figure(row["confidence"]), figure(row["accuracy"])] for row in figures["bins"]]
    means = [[name, figure(figures[name.replace(" ", "_")]), ""] for name in ("log loss", "calibration error")]
    return [*means, ["photos", "confidence", "accuracy"], *rows]


LINES: Mapping[str, Callable[[Mapping[str, Any]], list[list[str]]]] = {
    "confusion": confusion_rows,
    "calibration": calibration_rows,
    "intervals": intervals,
}
