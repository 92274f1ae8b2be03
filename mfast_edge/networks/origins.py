"""What the shapes of a published file's tensors tell of a network in YAML. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfast_edge.backbones import origin

SAME = ("mobilenet_v1", "mobilenet_v2")  # trained with TensorFlow's padding, unless a file is torchvision's


def infer(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Width and padding of published weights; nothing of one's own, which do not tell the network that they are of."""
    if origin.origin(shapes) is None:
        return {}
    found = origin.infer(shapes)
    padding = found.get("padding", "same" if found["backbone"] in SAME else "centred")
    return {"width": found["width"], "padding": padding}
