"""What a CenterNet is built from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mfast_edge.backbones.origin import Backbone, check_padding
from mfast_edge.settings import Settings, rare

STRIDE = 4  # px, of the map that the heads read
UNIT = 8  # cells that a 1 of the sizes' head means: from 0 it is at usual sizes after tens of steps, not hundreds


class Build(Settings):
    """Settings that decide a CenterNet's shape and what it learns, before any compression.

    `heads` lite have a depthwise and a 1x1 convolution in front of the last, full a 3x3 one. An object's neighbours
    count as nearly right as far as a box whose corners are off by so much still overlaps it by `overlap`. `padding`
    same is TensorFlow's, centred that of torch and of torchvision's weights.
    """

    classes: tuple[str, ...] = Field(min_length=1)
    size: Annotated[int, Field(ge=96, le=512)] = 256  # px
    width: Annotated[float, Field(gt=0, le=2)] = 0.75
    backbone: Backbone = "mobilenet_v1"
    heads: Literal["lite", "full"] = "lite"
    overlap: Annotated[float, Field(gt=0, lt=1)] = rare(0.7)
    padding: Literal["same", "centred"] = rare("same")

    @model_validator(mode="after")
    def padded(self) -> Self:
        """No setting does nothing."""
        check_padding(self.padding, self.backbone)
        return self


def side(size: int) -> int:
    """Cells along a side of the heads' map."""
    return -(-size // STRIDE)


def facts(build: Build) -> dict[str, Any]:
    """The blueprint's decode facts; `grid` cells span the image, sizes come in `unit` cells; nothing is suppressed."""
    return {
        "height": build.size,
        "width": build.size,
        "classes": list(build.classes),
        "grid": build.size / STRIDE,
        "unit": UNIT,
        "score_threshold": 0.01,
        "iou_threshold": None,
        "candidates": 100,
        "detections": 100,
    }
