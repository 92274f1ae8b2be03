"""The task "find objects": how good detections are, and what is done with them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mfast_edge.data.sample import Truth
from mfast_edge.errors import UserError
from mfast_edge.metrics import bootstrap, f1
from mfast_edge.metrics.average_precision import average_precision
from mfast_edge.metrics.bootstrap import Interval
from mfast_edge.metrics.match import evaluate
from mfast_edge.models.detections import Detections
from mfast_edge.tasks.draw import above, draw
from mfast_edge.tasks.figures import METRICS
from mfast_edge.tasks.files import load, save, write
from mfast_edge.tasks.parity import Parity, match
from mfast_edge.tasks.task import Column
from mfast_edge.tasks.told import lines

__all__ = [
    "BRIEF",
    "COLUMNS",
    "ENOUGH",
    "FIGURES",
    "FINE",
    "METRICS",
    "PER_CLASS",
    "PLAN",
    "SHOWN",
    "THINGS",
    "WHOLE",
    "Parity",
    "Quality",
    "above",
    "caption",
    "compare",
    "compared",
    "draw",
    "f1_interval",
    "headline",
    "line",
    "lines",
    "load",
    "many",
    "match",
    "paired",
    "recalled",
    "save",
    "shown",
    "write",
]

COLUMNS = (Column("map50", "mAP@.5"), Column("map", "mAP"), Column("f1", "F1"))
BRIEF, FINE = (COLUMNS[0], COLUMNS[2]), (COLUMNS[1], COLUMNS[0])
FIGURES = (*COLUMNS[:2], Column("map75", "mAP@.75"), COLUMNS[2], Column("confidence", "F1 at score"))
PER_CLASS, THINGS, ENOUGH, PLAN = "AP@.5", "detections", 1000, "quick"
SHOWN, WHOLE = ("errors", "f1"), False


@dataclass(frozen=True, slots=True)
class Quality:
    """How good detections are, in `images` images with `boxes` boxes to be found; figures are fractions.

    map is the mean over IoU .5 to .95; f1 is macro F1 at IoU .5 of the detections scored `confidence` or
    more; per_class is AP at IoU .5 by name, without the classes that have no truth.
    """

    map50: float
    map: float
    map75: float
    f1: float
    confidence: float
    per_class: dict[str, float]
    images: int
    boxes: int

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `from_json` takes them."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Quality":
        """What `to_json` gave."""
        return cls(**data)


def recalled(told: dict[str, Any]) -> Quality:
    """What `to_json` gave."""
    return Quality.from_json(told)


def compare(
    truths: Sequence[Truth],
    found: Sequence[Detections],
    classes: Sequence[str],
    confidence: float | None = None,
) -> Quality:
    """The detections beside the truths of the same images; F1 at `confidence`, or at the best one if None.

    Ignored truths count as neither found nor missed. UserError where there is nothing to be found.
    """
    boxes = sum(int(np.count_nonzero(~truth.ignore)) for truth in truths)
    if not boxes:
        raise UserError(f"quality: {len(truths)} images without a box to be found; give annotated images")
    matches = evaluate(truths, found, len(classes))
    figures = average_precision(matches)
    sure = f1.best(matches).confidence if confidence is None else confidence
    named = zip(classes, figures.per_class50, strict=True)
    return Quality(
        map50=figures.map50,
        map=figures.map,
        map75=figures.map75,
        f1=f1.at(matches, sure),
        confidence=sure,
        per_class={name: value for name, value in named if not np.isnan(value)},
        images=len(truths),
        boxes=boxes,
    )


def headline(quality: Quality) -> float:
    """The one figure that the judge's budget is about: mAP at IoU .5, a fraction."""
    return quality.map50


def f1_interval(
    truths: Sequence[Truth], found: Sequence[Detections], classes: Sequence[str], confidence: float
) -> tuple[float, float]:
    """The 95 % bootstrap interval of macro F1 at `confidence`."""
    spread = bootstrap.interval(evaluate(truths, found, len(classes)), measure=bootstrap.at(confidence))
    return spread.low, spread.high


def paired(
    truths: Sequence[Truth],
    one: Sequence[Detections],
    other: Sequence[Detections],
    classes: Sequence[str],
) -> Interval:
    """The headline of `one` minus that of `other` on the same images, with its 95 % bootstrap interval."""
    count = len(classes)
    return bootstrap.paired(evaluate(truths, one, count), evaluate(truths, other, count))


shown = above


def compared(found: Detections, score: float) -> int:
    """Its detections of that score or more."""
    return int((found.scores >= score).sum())


def many(told: Mapping[str, Any]) -> str:
    """`72 photos, 812 boxes`."""
    return f"{told['images']} photos, {told['boxes']} boxes"


def line(told: Mapping[str, Any]) -> str:
    """mAP and F1."""
    means = "  ".join(f"{column.title} {column.cell(told, 4)}" for column in FIGURES[:-1])
    return f"{means} at score {told['confidence']:.3f}"


def caption(marks: Detections | Truth, classes: Sequence[str]) -> str:
    """`12 boxes`."""
    return f"{len(marks.boxes)} boxes"
