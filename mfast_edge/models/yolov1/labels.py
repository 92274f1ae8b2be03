"""What the shapes of a file's tensors tell of a YOLOv1: its backbone, what it was built with, its classes."""

from __future__ import annotations

from math import isqrt
from typing import Any, get_args

from mfast_edge.backbones import origin
from mfast_edge.backbones.origin import Shapes
from mfast_edge.models.yolov1.build import Backbone

BACKBONES = get_args(Backbone)


def infer(shapes: Shapes) -> dict[str, Any]:
    """Build settings that a file with tensors of these shapes was made with, as far as it tells."""
    found = origin.infer(shapes, BACKBONES)
    return {**found, **own(shapes, found["width"])} if found and "hidden.bias" in shapes else found


def own(shapes: Shapes, width: float) -> dict[str, Any]:
    """The settings of a network of ours behind its backbone."""
    cells = counted(shapes)
    return {
        "grid": isqrt(cells),
        "boxes": shapes["box.bias"][0] // (5 * cells),
        "neck": tuple(round(wide / width) for wide in neck(shapes)),
        "hidden": round(shapes["hidden.bias"][0] / width),
    }


def labels(shapes: Shapes) -> tuple[str, ...]:
    """A `?` for each class of one's own weights, whole or decomposed; () for a backbone alone."""
    last = next((name for name in ("classify.bias", "classify.1.bias") if name in shapes), None)
    return ("?",) * (shapes[last][0] // counted(shapes)) if last and origin.own(shapes) else ()


def counted(shapes: Shapes) -> int:
    """Cells of the grid: features that the hidden layer reads, over channels of the map that it reads."""
    first = next(name for name in ("hidden.weight", "hidden.0.weight") if name in shapes)
    return shapes[first][1] // (neck(shapes) or [origin.last(shapes)])[-1]


def neck(shapes: Shapes) -> list[int]:
    """Channels of the neck's convolutions, by their norms."""
    found = list[int]()
    while norm := shapes.get(f"neck.{len(found)}.1.bias"):
        found.append(norm[0])
    return found
