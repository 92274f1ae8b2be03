"""What the shapes of a file's tensors tell: its backbone, what a YOLOv1 was built with, how many classes it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

Shapes = Mapping[str, Sequence[int]]

# Of our own networks, by backbone: a tensor that no other one has, its channels at width 1; the last norm.
OWN = {
    "mobilenet_v1": ("backbone.block13.pointwise.norm.bias", 1024, "backbone.block13.pointwise.norm.bias"),
    "mobilenet_v2": ("backbone.upper.18.1.bias", 1280, "backbone.upper.18.1.bias"),
    "mobilenet_v3_large": ("backbone.upper.16.1.bias", 960, "backbone.upper.16.1.bias"),
    "mobilenet_v3_small": ("backbone.upper.12.1.bias", 576, "backbone.upper.12.1.bias"),
    "mnasnet": ("backbone.upper.15.bias", 1280, "backbone.upper.15.bias"),
    "extraction": ("backbone.features.0.1.bias", 64, "backbone.features.23.1.bias"),
    "vgg16": ("backbone.features.1.bias", 64, "backbone.features.41.bias"),
}
# Of published ones: a tensor that no other one has, the first layer and its channels at width 1, whether padded alike
# on both sides, as torchvision does.
PUBLISHED = {
    "mobilenet_v1": ("backbone.conv0.weight", "backbone.conv0.weight", 32, False),
    "mobilenet_v2": ("Conv_1.weight", "Conv.weight", 32, False),
    "torchvision's mobilenet_v2": ("features.18.0.weight", "features.0.0.weight", 32, True),
    "mobilenet_v3_large": ("features.16.0.weight", "features.0.0.weight", 16, True),
    "mobilenet_v3_small": ("features.12.0.weight", "features.0.0.weight", 16, True),
    "mnasnet": ("layers.14.weight", "layers.0.weight", 32, True),
    "vgg16": ("features.0.weight", "features.0.weight", 64, False),
}


def kind(shapes: Shapes) -> str | None:
    """The backbone of one's own weights, else of published ones."""
    return next((name for name, (mark, *_) in OWN.items() if mark in shapes), foreign(shapes))


def foreign(shapes: Shapes) -> str | None:
    """The backbone of published weights, as the build calls it."""
    told = row(shapes)
    return told.rpartition(" ")[2] if told else None


def row(shapes: Shapes) -> str | None:
    """The line of PUBLISHED that a file is of; the deepest network first: marks of small ones are in large ones."""
    return next((name for name, (mark, *_) in PUBLISHED.items() if mark in shapes), None)


def infer(shapes: Shapes) -> dict[str, Any]:
    """Build settings that a file with tensors of these shapes was made with, as far as it tells."""
    if "hidden.bias" in shapes and (found := kind(shapes)):
        return own(shapes, found)
    if (told := row(shapes)) is None:
        return {}
    _, first, channels, centred = PUBLISHED[told]
    padding = {"padding": "centred"} if centred else {}
    return {"backbone": told.rpartition(" ")[2], "width": shapes[first][0] / channels, **padding}


def own(shapes: Shapes, found: str) -> dict[str, Any]:
    """The settings of a network of ours on this backbone."""
    mark, channels, _ = OWN[found]
    width, cells = shapes[mark][0] / channels, counted(shapes)
    return {
        "backbone": found,
        "width": width,
        "grid": isqrt(cells),
        "boxes": shapes["box.bias"][0] // (5 * cells),
        "neck": tuple(round(wide / width) for wide in neck(shapes)),
        "hidden": round(shapes["hidden.bias"][0] / width),
    }


def labels(shapes: Shapes) -> tuple[str, ...]:
    """A `?` for each class of one's own weights, whole or decomposed; () for a backbone alone."""
    last = next((name for name in ("classify.bias", "classify.1.bias") if name in shapes), None)
    return ("?",) * (shapes[last][0] // counted(shapes)) if last and kind(shapes) else ()


def counted(shapes: Shapes) -> int:
    """Cells of the grid: features that the hidden layer reads, over channels of the map that it reads."""
    first = next(name for name in ("hidden.weight", "hidden.0.weight") if name in shapes)
    wide = neck(shapes)
    channels = wide[-1] if wide else shapes[OWN[str(kind(shapes))][2]][0]
    return shapes[first][1] // channels


def neck(shapes: Shapes) -> list[int]:
    """Channels of the neck's convolutions, by their norms."""
    found = list[int]()
    while norm := shapes.get(f"neck.{len(found)}.1.bias"):
        found.append(norm[0])
    return found
