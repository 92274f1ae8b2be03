"""What each choice of thresholds makes of a network's raw outputs, which are computed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from benchmarks import timing
from mfast_edge.cutoffs import Cutoffs, cut
from mfast_edge.data.photo import load
from mfast_edge.models.detections import finish, pixels
from mfast_edge.models.resize import blob
from mfast_edge.tasks import detect as task

if TYPE_CHECKING:
    from mfast_edge.data.sample import Record
    from mfast_edge.models.detections import Detections
    from mfast_edge.opened import Opened

By = Literal["map50", "map", "map75", "f1"]


@dataclass(frozen=True, slots=True)
class Cell:
    """Thresholds, what they find (F1 of everything that they let through), median ms of decoding and suppressing."""

    cutoffs: Cutoffs
    quality: task.Quality
    ms: float

    def value(self, by: By) -> float:
        """One figure, a fraction."""
        return float(getattr(self.quality, by))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        figures = {name: getattr(self.quality, name) for name in ("map50", "map", "map75", "f1")}
        return {**self.cutoffs.model_dump(), **figures, "ms": self.ms}


@dataclass(frozen=True, slots=True)
class Axes:
    """The values of each threshold; an empty axis has the candidate's own value alone."""

    score: tuple[float, ...] = ()
    iou: tuple[float, ...] = ()
    detections: tuple[int, ...] = ()

    def cells(self, own: Cutoffs) -> list[Cutoffs]:
        """Every combination, the candidate's `own` first, its values being on each axis."""
        axes = [spread(getattr(self, name), getattr(own, name)) for name in ("score", "iou", "detections")]
        every = [Cutoffs(score=score, iou=iou, detections=many) for score, iou, many in product(*axes)]
        return [own, *(one for one in every if one != own)]


def spread(given: Iterable[Any], own: Any) -> list[Any]:
    """An axis with the own value on it; nothing is suppressed: no axis."""
    return [None] if own is None else sorted({*given, own})


def sweep(source: Opened, records: Sequence[Record], classes: Sequence[str], cells: Sequence[Cutoffs]) -> list[Cell]:
    """Each cell's figures on the photos, through the candidate's fastest runtime."""
    known = [source.model.ready(cut(source.stored, cutoffs)) for cutoffs in cells]
    forward, size = source.forward(), (source.facts["height"], source.facts["width"])
    found: list[list[Detections]] = [[] for _ in cells]
    took: list[list[float]] = [[] for _ in cells]
    for record in records:
        photo = load(record)
        outputs = forward(blob(photo, size, pixels(forward)))
        ends = [partial(finish, outputs, photo.shape[:2], source.model.decode, facts) for facts in known]
        ends[0]()  # the first after a forward finds cold caches
        for place, end in enumerate(ends):
            seen, ms = timing.once(end)
            found[place].append(seen)
            took[place].append(ms)
    truths = [record.truth for record in records]
    return [
        Cell(cutoffs, task.compare(truths, seen, classes, cutoffs.score), median(times))
        for cutoffs, seen, times in zip(cells, found, took, strict=True)
    ]


def chosen(cells: Sequence[Cell], by: By, slack: float) -> Cell:
    """The best; with `slack`, of all that are at most so many points worse the one with the highest score threshold,
    which leaves the least to do. Of equals the first."""
    least = max(cell.value(by) for cell in cells) - slack / 100
    good = [cell for cell in cells if cell.value(by) >= least]
    return max(good, key=lambda cell: (cell.cutoffs.score if slack else 0, cell.value(by)))
