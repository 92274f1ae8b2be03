"""What the shapes of a file's tensors tell of a YOLO9000, of its backbone and its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from mfast_edge.backbones import origin
from mfast_edge.models.yolo9000.build import Backbone

Shapes = Mapping[str, Sequence[int]]
BACKBONES = get_args(Backbone)
CLASSES = ".classify."  # in the names of class heads


def infer(shapes: Shapes) -> dict[str, Any]:
    """Backbone, width, padding, and of one's own weights kind and number of heads."""
    return {**origin.infer(shapes, BACKBONES), **own(shapes)}


def own(shapes: Shapes) -> dict[str, Any]:
    """What a file of a whole detector tells of its heads."""
    objects = next((shapes[name] for name in shapes if re.fullmatch(r"head\.object(\.\d+)?\.bias", name)), None)
    if objects is None:
        return {}
    lite = any(name.startswith("before.0.depthwise.") for name in shapes)
    return {"heads": "lite" if lite else "full", "anchors": objects[0]}


def labels(shapes: Shapes) -> tuple[str, ...]:
    """A `?` for each logit of an anchor, for no file names its classes; () where there are no class heads."""
    found = own(shapes)
    kinds = [shapes[name][0] for name in shapes if re.fullmatch(r"head\.classify(\.\d+)?\.bias", name)]
    return ("?",) * (kinds[0] // found["anchors"]) if found and kinds else ()
