"""F1 by confidence, as lines to draw and cells to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDE, HIGH = 640.0, 240.0  # pixels of the drawing
MOST = 8  # classes drawn beside the macro line; more could not be told apart
STEP = 10  # rows of the table: every tenth confidence

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One class's points for SVG, F1 1 at the top; `hue` in degrees, None for the macro line."""

    name: str
    points: str
    hue: int | None


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines, the score at which the file's F1 is taken, in pixels and in words, and a table."""

    lines: list[Line]
    sure: float
    title: str
    head: list[str]
    rows: list[list[str]]


def curve(page: Json) -> Curve | None:
    """The curve of a run's page; None where the run stored none, or there was nothing to find."""
    told = page.get("figures", {}).get("f1")
    if not told or None in told["macro"]:
        return None
    sure, scores = page["figures"]["errors"]["confidence"], told["confidence"]
    classes = dict(list(told["per_class"].items())[:MOST])
    drawn = [Line(name, path(scores, line), 360 * n // len(classes)) for n, (name, line) in enumerate(classes.items())]
    every = {"all classes": told["macro"], **classes}
    rows = [
        [f"{scores[place]:.1f}", *(f"{line[place]:.3f}" for line in every.values())]
        for place in range(0, len(scores), STEP)
    ]
    title = f"F1 by score on test (IoU .5); the final file's is taken at {sure:.2f}, the best on val"
    lines = [*drawn, Line("all classes", path(scores, told["macro"]), None)]
    return Curve(lines, WIDE * sure, title, ["From score", *every], rows)


def path(scores: Sequence[float], values: Sequence[float]) -> str:
    """`x,y x,y …` in pixels."""
    return " ".join(f"{WIDE * score:.1f},{HIGH * (1 - value):.1f}" for score, value in zip(scores, values, strict=True))
