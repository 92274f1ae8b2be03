"""Truths beside what was found, as every further figure takes them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np

from mfast_edge.data.sample import ANY, Record, Truth
from mfast_edge.metrics import match
from mfast_edge.models.detections import Detections

Json = dict[str, Any]
Marks = TypeVar("Marks", Truth, Detections)


@dataclass(frozen=True, slots=True)
class Scene:
    """Truths and detections of the same images, of `pixels` (width x height) each; the confidence that is asked."""

    truths: Sequence[Truth]
    found: Sequence[Detections]
    classes: Sequence[str]
    pixels: Sequence[float]
    confidence: float = 0.0

    @classmethod
    def of(
        cls, records: Sequence[Record], found: Sequence[Detections], classes: Sequence[str], sure: float = 0.0
    ) -> Self:
        """Detections in the photos of `records`, F1's confidence being `sure`."""
        pixels = [float(record.width * record.height) for record in records]
        return cls([record.truth for record in records], found, classes, pixels, sure)

    def over(self, names: Sequence[str]) -> Self:
        """The same scene as if its data had no classes but `names`; regions of ANY class stay."""
        numbers = [list(self.classes).index(name) for name in names]
        truths = [only(truth, numbers) for truth in self.truths]
        return replace(self, truths=truths, found=[only(one, numbers) for one in self.found], classes=names)

    @property
    def matches(self) -> match.Matches:
        """COCO's matching."""
        return match.evaluate(self.truths, self.found, len(self.classes))


def measure(metrics: Mapping[str, Callable[[Scene], Json]], names: Sequence[str], scene: Scene) -> Json:
    """The figures of each name in a task's METRICS as plain values; null where there is no such truth."""
    found: Json = plain({name: metrics[name](scene) for name in names})
    return found


def only(marks: Marks, numbers: Sequence[int]) -> Marks:
    """The truth or detections of the classes `numbers`, numbered 0.. in their order; regions of ANY class stay."""
    places = {ANY: ANY, **{number: place for place, number in enumerate(numbers)}}
    rows = np.array([int(kind) in places for kind in marks.classes], bool)
    kinds = np.array([places[int(kind)] for kind in marks.classes[rows]], np.int64)
    if isinstance(marks, Detections):
        return Detections(marks.boxes[rows], marks.scores[rows], kinds)
    labels = tuple(places[label] for label in marks.labels if label in places)
    return Truth(marks.boxes[rows], kinds, marks.ignore[rows], labels=labels)


def plain(value: Any) -> Any:
    """Plain values for JSON, None for NaN."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else float(value)
    return value
