"""What the rest of the product asks of a task; tasks.TASKS names the modules, each of which is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from mfast_edge.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np

    from mfast_edge.data.sample import Truth
    from mfast_edge.metrics.bootstrap import Interval
    from mfast_edge.models.detections import Detections
    from mfast_edge.tasks.parity import Parity
    from mfast_edge.tasks.scene import Scene

ABSENT = "–"
Json = Mapping[str, Any]


class Column(NamedTuple):
    """A figure of a quality's JSON: its key and what people call it."""

    key: str
    title: str

    def cell(self, told: Json, digits: int = 3) -> str:
        """The figure as text, or that there is none."""
        value = told[self.key]
        return ABSENT if value is None else f"{value:.{digits}f}"


class Quality(Protocol):
    """How good a candidate is on a split: figures are fractions."""

    @property
    def f1(self) -> float:
        """Macro F1, of what is scored `confidence` or more."""

    @property
    def confidence(self) -> float: ...
    @property
    def per_class(self) -> dict[str, float]:
        """The figure of each class with truths."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; `recalled` takes them."""


class Task(Protocol):
    """A module of tasks/."""

    COLUMNS: Sequence[Column]  # what a stage's row shows; the first is what the judge's budget is about
    FIGURES: Sequence[Column]  # what the test's table shows
    FINE: Sequence[Column]  # what an autopsy looks at, the one that decides first
    BRIEF: Sequence[Column]  # what a line on the terminal has room for
    PER_CLASS: str  # what `Quality.per_class` is
    THINGS: str  # what parity counts: detections, photos
    ENOUGH: int  # so many of them are compared, as far as there are
    PLAN: str  # the one that is usual
    METRICS: Mapping[str, Callable[[Scene], dict[str, Any]]]  # what `evaluate --metrics` can measure
    WHOLE: bool  # one class for a whole photo, no boxes
    SHOWN: Sequence[str]  # those of METRICS that a report shows

    def recalled(self, told: dict[str, Any]) -> Quality:
        """The quality that `to_json` gave."""

    def compare(
        self,
        truths: Sequence[Truth],
        found: Sequence[Detections],
        classes: Sequence[str],
        confidence: float | None = None,
    ) -> Quality:
        """What was found beside the truths of the same photos; at `confidence`, or at the best one if None."""

    def headline(self, quality: Any) -> float:
        """The one figure that the judge's budget is about, a fraction."""

    def paired(
        self, truths: Sequence[Truth], one: Sequence[Detections], other: Sequence[Detections], classes: Sequence[str]
    ) -> Interval:
        """The headline of `one` minus that of `other` on the same photos, with its 95 % bootstrap interval."""

    def f1_interval(
        self, truths: Sequence[Truth], found: Sequence[Detections], classes: Sequence[str], confidence: float
    ) -> tuple[float, float]:
        """The 95 % bootstrap interval of macro F1 at `confidence`."""

    def match(
        self,
        one: Sequence[Detections],
        other: Sequence[Detections],
        *,
        score: float = ...,
        iou: float = ...,
        delta: float = ...,
    ) -> Parity:
        """Whether two runtimes find the same."""

    def compared(self, found: Detections, score: float) -> int:
        """How many things of one photo count in `match`."""

    def shown(self, found: Detections, score: float) -> Detections:
        """What of it is drawn and told, from a score on."""

    def draw(
        self,
        photo: np.ndarray,
        marks: Detections | Truth,
        classes: Sequence[str],
        *,
        score: float = ...,
        title: str = ...,
    ) -> np.ndarray:
        """The (H, W, 3) uint8 RGB photo with what was found, or the truth, drawn on it."""

    def many(self, told: Json) -> str:
        """What a quality's JSON was measured on: `72 photos, 812 boxes`."""

    def line(self, told: Json) -> str:
        """A quality's means in a line."""

    def caption(self, marks: Detections | Truth, classes: Sequence[str]) -> str:
        """What stands under a drawn photo."""

    def lines(self, told: Json) -> list[str]:
        """What METRICS measured as lines of text, under their names."""


def of(name: str) -> Task:
    """The task called so, as `Model.task` says it; a file of an older version says nothing and means detect."""
    return cast(Task, import_module(TASKS[name]))
