"""Weights for a YOLOv1: published backbones, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mfast_edge.backbones import origin
from mfast_edge.backbones.published import blocks
from mfast_edge.errors import UserError
from mfast_edge.models.own import own
from mfast_edge.models.yolov1.labels import BACKBONES
from mfast_edge.models.yolov1.network import YOLO


def load(network: YOLO, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` into a YOLOv1; one line on what was taken. UserError where they do not fit."""
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    theirs, ours = origin.origin(shapes, BACKBONES), origin.held(network)
    if theirs is None:
        return own(network, file, tensors, "classify.")
    if theirs.backbone != ours:
        raise UserError(f"--init: {file} is a {theirs.backbone} and model.backbone is {ours}; the same would be right")
    taken = origin.load(network.backbone, ours, file, tensors)
    return f"{file.name}: {taken} of {len(blocks(network.backbone))} convolutions of the backbone"
