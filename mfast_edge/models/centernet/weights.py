"""Weights for a CenterNet: a backbone's published ones, or one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.backbones import origin

if TYPE_CHECKING:
    from torch import Tensor

    from mfast_edge.models.centernet.network import CenterNet

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


def load(network: CenterNet, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` in; one line on what was taken. UserError where they do not fit."""
    from mfast_edge.backbones.published import blocks
    from mfast_edge.models.own import own

    if origin.origin({name: tensor.shape for name, tensor in tensors.items()}) is None:
        return own(network, file, tensors, CLASSES)
    taken = origin.load(network.backbone, network.name, file, tensors)
    return f"{file.name}: {taken} of {len(blocks(network))} convolutions"
