"""How a row is opened, and how good it is: on val and test, and what it lost against its seed's float network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from export.sessions import Session, available, open_session
from mfast_edge.metrics import bootstrap
from mfast_edge.metrics.average_precision import map50, map_all
from mfast_edge.metrics.match import evaluate
from mfast_edge.models.detections import Detections
from mfast_edge.quality import examine
from tests.shows.peers.bench import Bench, Made

MEASURES = {"map50": map50, "map": map_all}
BASE = "onnxruntime"  # where the float network's detections come from


def ways(made: Made) -> list[str]:
    """The runtimes of a row that this machine has; bfloat16 only where the CPU has instructions for it."""
    return [way for way in made.runs if available(way)]


def session(made: Made, way: str, threads: int) -> Session:
    """A row's file in a runtime."""
    return open_session(made.file, way, threads=threads)


def found(one: Bench, made: Made, way: str, split: str) -> tuple[dict[str, Any], list[Detections]]:
    """Figures and detections on a split, from the row's folder or looked for now."""
    seen = examine(one.shop, made.candidate, way, split, lambda: session(made, way, 1))
    return seen.quality.to_json(), seen.found


def scored(one: Bench, made: Made, way: str, base: Made) -> dict[str, Any]:
    """Per split: mAP@.5, mAP, and the points of both lost against `base`, with paired 95 % intervals."""
    figures: dict[str, Any] = {}
    for split in ("val", "test"):
        quality, mine = found(one, made, way, split)
        _, theirs = found(one, base, BASE, split)
        truths = [record.truth for record in one.shop.data.splits[split]]
        losses = lost((truths, theirs, mine), len(one.shop.data.classes))
        figures[split] = {"map50": quality["map50"], "map": quality["map"], "lost": losses}
    return figures


def lost(
    seen: tuple[Sequence[Any], Sequence[Detections], Sequence[Detections]], classes: int
) -> dict[str, Mapping[str, float]]:
    """Points of mAP@.5 and mAP that the last of (truths, base, mine) lost against the base."""
    truths, base, mine = seen
    one, other = evaluate(truths, base, classes), evaluate(truths, mine, classes)
    intervals = {name: bootstrap.paired(one, other, measure=measure) for name, measure in MEASURES.items()}
    return {
        name: {"points": 100 * gap.difference, "low": 100 * gap.low, "high": 100 * gap.high}
        for name, gap in intervals.items()
    }
