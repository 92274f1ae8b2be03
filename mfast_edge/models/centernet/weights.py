"""What the shapes of a file's tensors tell of a CenterNet, of its backbone and its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mfast_edge.backbones import origin

Shapes = Mapping[str, Sequence[int]]
CLASSES = "heatmap.last."  # how the class head's tensors begin
LITE = "heatmap.before.depthwise.conv.weight"  # of depthwise heads only


def infer(shapes: Shapes) -> dict[str, Any]:
    """Build settings that a file with tensors of these shapes was made with."""
    found = origin.infer(shapes)
    if found and kinds(shapes):
        found["heads"] = "lite" if LITE in shapes else "full"
    return found


def labels(shapes: Shapes) -> tuple[str, ...]:
    """A `?` for each class of one's own weights; () where there is no class head."""
    return ("?",) * kinds(shapes)


def kinds(shapes: Shapes) -> int:
    """Classes of the class head: of a convolution or, decomposed, of the end of a chain."""
    pattern = rf"{re.escape(CLASSES)}(\d+\.)?bias"
    return next((shape[0] for name, shape in shapes.items() if re.fullmatch(pattern, name)), 0)
