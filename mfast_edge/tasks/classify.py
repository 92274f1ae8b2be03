"""The task "say what a photo shows": how good classes of whole photos are, and what is done with them.

What is found in a photo are its classes, each once, with their probabilities: `Detections` whose boxes are the photo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from mfast_edge.data.sample import Truth
from mfast_edge.errors import UserError
from mfast_edge.metrics import bootstrap, confusion
from mfast_edge.metrics.bootstrap import Interval
from mfast_edge.metrics.confusion import Answers
from mfast_edge.models.detections import Detections
from mfast_edge.tasks import draw as drawing
from mfast_edge.tasks import parity
from mfast_edge.tasks.answers import METRICS, answers, lines
from mfast_edge.tasks.files import load, save
from mfast_edge.tasks.parity import Parity
from mfast_edge.tasks.task import Column

__all__ = ["METRICS", "Parity", "Quality", "lines", "load", "save"]

COLUMNS = (Column("f1", "Macro F1"), Column("top1", "Top-1"), Column("top5", "Top-5"))
BRIEF = FINE = COLUMNS[:2]
FIGURES = (*COLUMNS, Column("log_loss", "Log loss"), Column("calibration_error", "Calibration error"))
PER_CLASS, THINGS, ENOUGH, PLAN = "F1", "photos", 500, "classify"
SHOWN, WHOLE = ("confusion", "calibration", "intervals"), True
TOP = 5  # as ImageNet has it


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the classes said of `images` photos are; figures are fractions, but for log_loss (natural).

    f1 is macro F1 over the classes that have photos, of the surest class of each photo; top5 is None where there
    are no more than five classes, of which five are always right. precision, recall and per_class (F1) are by
    name, without the classes that have no photo. confusion counts photos by true class, then by said class.
    confidence is 0: the surest class counts however sure.
    """

    f1: float
    top1: float
    top5: float | None
    log_loss: float
    calibration_error: float
    precision: dict[str, float]
    recall: dict[str, float]
    per_class: dict[str, float]
    confusion: dict[str, dict[str, int]]
    images: int
    confidence: float = 0.0

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
    """The classes said of photos beside those that they have; a photo without exactly one class counts in nothing.

    `confidence` is a detector's. UserError where no photo has a class.
    """
    given = answers(truths, found, len(classes))
    if not given.images:
        raise UserError(f"quality: {len(truths)} photos without a class of their own; photos in class folders would do")
    count = len(classes)
    parts = [named(row[0, :count], classes) for row in confusion.per_class(given)]
    return Quality(
        f1=headline_of(given),
        top1=confusion.top(given, 1),
        top5=confusion.top(given, TOP) if count > TOP else None,
        log_loss=confusion.log_loss(given),
        calibration_error=confusion.calibration_error(given),
        precision=parts[0],
        recall=parts[1],
        per_class=parts[2],
        confusion=counted(confusion.matrix(given)[:count, :count], classes),
        images=given.images,
    )


def named(values: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """A figure of each class by name, without those that have no photo."""
    return {name: float(value) for name, value in zip(classes, values, strict=True) if not np.isnan(value)}


def counted(matrix: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """{true class: {said class: photos}} without zeros."""
    return {
        name: {said: count for said, count in zip(classes, row, strict=True) if count}
        for name, row in zip(classes, matrix.tolist(), strict=True)
        if any(row)
    }


def headline(quality: Quality) -> float:
    """The one figure that the judge's budget is about: macro F1, a fraction."""
    return quality.f1


def headline_of(given: Answers) -> float:
    """The same of answers."""
    return float(confusion.macro_f1(given)[0])


def f1_interval(
    truths: Sequence[Truth], found: Sequence[Detections], classes: Sequence[str], confidence: float
) -> tuple[float, float]:
    """The 95 % bootstrap interval of macro F1; `confidence` is a detector's."""
    given = answers(truths, found, len(classes))
    spread = bootstrap.spread(given.images, partial(confusion.macro_f1, given))
    return spread.low, spread.high


def paired(
    truths: Sequence[Truth],
    one: Sequence[Detections],
    other: Sequence[Detections],
    classes: Sequence[str],
) -> Interval:
    """The macro F1 of `one` minus that of `other` on the same photos, with its 95 % bootstrap interval."""
    mine, theirs = (answers(truths, found, len(classes)) for found in (one, other))
    return bootstrap.apart(mine.images, partial(confusion.macro_f1, mine), partial(confusion.macro_f1, theirs))


def match(
    one: Sequence[Detections],
    other: Sequence[Detections],
    *,
    score: float = 0.0,
    iou: float = 0.99,
    delta: float = 0.01,
) -> Parity:
    """Photos whose surest class is the same on both sides, with probabilities at most `delta` apart.

    `score` is a detector's: the surest class of every photo counts.
    """
    pairs = zip(one, other, strict=True)
    both = [(surest(here), surest(there)) for here, there in pairs if len(here.scores) or len(there.scores)]
    same = parity.match([here for here, _ in both], [there for _, there in both], score=0.0, iou=iou, delta=delta)
    return same._replace(matched=same.matched // 2, total=len(both), share=same.share)


def compared(found: Detections, score: float) -> int:
    """One photo."""
    return int(len(found.scores) > 0)


def surest(found: Detections) -> Detections:
    """The class with the highest probability, the first of several; none of none."""
    rows = found.scores[:, None].argmax(0) if len(found.scores) else np.zeros(0, np.int64)
    return Detections(found.boxes[rows], found.scores[rows], found.classes[rows])


def shown(found: Detections, score: float) -> Detections:
    """The surest class, if it has that probability."""
    return drawing.above(surest(found), score)


def draw(
    photo: np.ndarray, marks: Detections | Truth, classes: Sequence[str], *, score: float = 0.0, title: str = ""
) -> np.ndarray:
    """The (H, W, 3) uint8 RGB photo with its class in the upper left corner, before the `title`."""
    if isinstance(marks, Detections):
        marks = shown(marks, score)
    told = "  ".join(word for word in (caption(marks, classes), title) if word)
    bare = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    return drawing.draw(photo, bare, classes, title=told)


def many(told: Mapping[str, Any]) -> str:
    """`381 photos`."""
    return f"{told['images']} photos"


def line(told: Mapping[str, Any]) -> str:
    """Macro F1, top-1 and all others."""
    return "  ".join(f"{column.title} {column.cell(told, 4)}" for column in FIGURES)


def caption(marks: Detections | Truth, classes: Sequence[str]) -> str:
    """`glass 0.93`, of a truth `glass`."""
    if isinstance(marks, Truth):
        return ", ".join(classes[label] for label in marks.labels)
    best = surest(marks)
    return "".join(f"{classes[int(label)]} {score:.2f}" for label, score in zip(best.classes, best.scores, strict=True))
