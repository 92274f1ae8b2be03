"""What a YOLOv1 is built from (Redmon 2016)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mfast_edge.backbones.origin import check_padding
from mfast_edge.settings import Settings, rare

Side = Annotated[int, Field(ge=96, le=640)]  # px
Backbone = Literal[
    "extraction", "vgg16", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet"
]
STRIDE = 32  # px, of every backbone's last map


class Build(Settings):
    """Settings that decide a YOLOv1's shape before any compression; channels are those at width 1.

    The paper's: size 448, backbone extraction, neck [1024, 1024, 1024, 1024], hidden 4096, start random. The defaults
    are light. `neck`: 3x3 convolutions between backbone and fully connected layers; `hidden`: features of the first of
    these, which reads grid x grid cells, as many as answer. `start` cells: each cell's own features first read that
    cell only and tell its boxes, the same way in all cells; random as in the paper, which then trains for days.
    `padding` same is TensorFlow's, centred that of torch and of torchvision's weights; it matters to mobilenet_v2,
    mobilenet_v3 and mnasnet only.
    """

    rate: ClassVar[float] = 2e-4  # of learning: the hidden layer sums thousands of values, each moved by a step

    classes: tuple[str, ...] = Field(min_length=1)
    size: Side = 224
    width: Annotated[float, Field(gt=0, le=2)] = 1.0
    backbone: Backbone = "mobilenet_v1"
    grid: Annotated[int, Field(ge=1, le=20)] = 7
    boxes: Annotated[int, Field(ge=1, le=9)] = 2  # of a cell
    neck: tuple[Annotated[int, Field(ge=1)], ...] = (256,)
    hidden: Annotated[int, Field(ge=1)] = 1024
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # of the hidden features, in training
    start: Literal["cells", "random"] = "cells"
    padding: Literal["same", "centred"] = rare("same")

    @model_validator(mode="after")
    def padded(self) -> Self:
        """No setting that does nothing."""
        check_padding(self.padding, self.backbone)
        return self

    @field_validator("grid")
    @classmethod
    def held(cls, grid: int, info: ValidationInfo) -> int:
        """The image must hold as many cells as the grid."""
        size = info.data.get("size", grid * STRIDE)
        if side(size) < grid:
            least = STRIDE * (grid - 1) + 1
            raise ValueError(f"at {size} px at most {side(size)} cells, or {least} px and more, would be right")
        return grid


def side(size: int) -> int:
    """Cells a side of the backbone's last map: 224 px → 7."""
    return -(-size // STRIDE)


def halves(build: Build) -> bool:
    """Whether a convolution of the neck has stride 2: where half the map still holds the grid (448 px: 14 → 7)."""
    return bool(build.neck) and -(-side(build.size) // 2) >= build.grid


def pool(build: Build) -> tuple[int, int]:
    """(kernel, stride) of the average pooling that makes the neck's map a grid; (1, 1): it is one already."""
    cells = side(build.size)
    cells = -(-cells // 2) if halves(build) else cells
    stride = cells // build.grid
    return cells - (build.grid - 1) * stride, stride


def facts(build: Build) -> dict[str, Any]:
    """The blueprint's decode facts."""
    return {
        "height": build.size,
        "width": build.size,
        "classes": list(build.classes),
        "grid": build.grid,
        "boxes": build.boxes,
        "score_threshold": 0.01,
        "iou_threshold": 0.5,
        "candidates": 300,
        "detections": 100,
    }
