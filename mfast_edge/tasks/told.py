"""Figures as lines of text."""

from collections.abc import Callable, Mapping
from typing import Any

from mfast_edge.data.report import aligned
from mfast_edge.metrics.errors import KINDS

Json = Mapping[str, Any]
TENTHS = 10  # lines of the F1 curve: every tenth of its confidences


def lines(told: Json) -> list[str]:
    """Each metric's figures, as `measure` gave them, under its name."""
    found = []
    for name, figures in told.items():
        found += [f"{name}:", *(f"  {line}" for line in aligned(LINES[name](figures)))]
    return found


def figure(value: float | None) -> str:
    """Four digits, or that there is nothing of the kind."""
    return "–" if value is None else f"{value:.4f}"


def flat(figures: Json) -> list[list[str]]:
    """Name and figure."""
    return [[name, figure(value)] for name, value in figures.items()]


def by_points(figures: Json) -> list[list[str]]:
    """A line for each way of reading precision."""
    names = list(next(iter(figures.values())))
    return [["", *names], *([points, *(figure(row[name]) for name in names)] for points, row in figures.items())]


def voc(figures: Json) -> list[list[str]]:
    """Means, each class, the figure that ranks."""
    ways = [name for name in figures if name.endswith(" points")]
    rows = [["", *ways]]
    rows += [[f"mAP@.{iou}", *(figure(figures[way][f"map{iou}"]) for way in ways)] for iou in (50, 75)]
    rows += [[f"AP@.5 {name}", *map(figure, row.values())] for name, row in figures["per_class"].items()]
    return [*rows, ["ranking", "", f"{figures['ranking']:.5f}"]] if figures["ranking"] is not None else rows


def f1(figures: Json) -> list[list[str]]:
    """Every tenth confidence."""
    names = list(figures["per_class"])
    rows = zip(figures["confidence"], figures["macro"], *figures["per_class"].values(), strict=True)
    shown = [[f"{row[0]:.1f}", *map(figure, row[1:])] for number, row in enumerate(rows) if not number % TENTHS]
    return [["at score", "macro", *names], *shown]


def errors(figures: Json) -> list[list[str]]:
    """A line per class, confusions by name."""
    head = [f"at score {figures['confidence']:.3f}", "truths", "right", *KINDS, "confused with"]
    return [head, *([name, *error_cells(row)] for name, row in figures["per_class"].items())]


def error_cells(row: Json) -> list[str]:
    """Counts, and which classes the confusions were."""
    mistaken = ", ".join(f"{count} {name}" for name, count in row["mistaken"].items())
    return [*(str(row[name]) for name in ("truths", "right", *KINDS)), mistaken or "–"]


def intervals(figures: Json) -> list[list[str]]:
    """Value and interval."""
    return [[name, figure(one["value"]), figure(one["low"]), figure(one["high"])] for name, one in figures.items()]


LINES: Mapping[str, Callable[[Json], list[list[str]]]] = {
    "coco": flat,
    "voc": voc,
    "area": by_points,
    "area-weighted": by_points,
    "f1": f1,
    "errors": errors,
    "intervals": intervals,
}
