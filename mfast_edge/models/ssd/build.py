"""What an SSD is built from, and the anchor scheme of the published MobileNet detectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import Annotated, Any, Literal

from pydantic import Field

from mfast_edge.settings import Settings, rare

Side = Annotated[int, Field(ge=96, le=512)]  # px
Width = Annotated[float, Field(gt=0, le=2)]
Shape = tuple[float, float]  # an anchor's (height, width) in parts of the image


class Build(Settings):
    """Settings that decide an SSD's shape before any compression."""

    classes: tuple[str, ...] = Field(min_length=1)
    size: Side = 300
    width: Width = 0.75
    scale_low: float = 0.2
    scale_high: float = 0.95
    anchors: tuple[tuple[Shape, ...], ...] | None = rare(None)  # per level, instead of the scheme's; () drops it


class Lite(Build):
    """An SSD on a network of inverted residuals: `heads` lite are depthwise ones (Sandler 2018, section 6.2), full
    are 3x3 convolutions; `padding` same is TensorFlow's, centred that of torch and of torchvision's weights."""

    width: Width = 1.0
    heads: Literal["lite", "full"] = "lite"
    padding: Literal["same", "centred"] = rare("same")


class Lite3(Lite):
    """On MobileNet v3; `tail` reduced halves the channels of stride 32, as detectors have them (Howard 2019, 6.3)."""

    size: Side = 320
    variant: Literal["large", "small"] = "large"
    tail: Literal["whole", "reduced"] = "reduced"


def maps(size: int, levels: int, stride: int = 16) -> list[int]:
    """Side lengths of the feature maps at `size` pixels with SAME padding: 300 → 19 10 5 3 2 1."""
    side = -(-size // stride)
    sides = [side]
    while len(sides) < levels:
        side = -(-side // 2)
        sides.append(side)
    return sides


def shapes(low: float, high: float, levels: int) -> list[list[list[float]]]:
    """Anchor (height, width) per level in parts of the image: 3 on the first map, then 6.

    The scheme of TensorFlow's ssd_anchor_generator (Liu 2016 with reduced boxes in the lowest layer):
    scales evenly spaced low..high, ratios 1 2 1/2 3 1/3, one more square between a scale and the next.
    """
    scales = [low + (high - low) * level / (levels - 1) for level in range(levels)] + [1.0]
    table = []
    for level in range(levels):
        scale, further = scales[level], scales[level + 1]
        pairs = [(scale, ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 1 / 3)] + [(sqrt(scale * further), 1.0)]
        if level == 0:
            pairs = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        table.append([[s / sqrt(ratio), s * sqrt(ratio)] for s, ratio in pairs])
    return table


def square(low: float, high: float, levels: int) -> list[list[list[float]]]:
    """Anchor (height, width) per level in parts of the image, at most the image: 6 on every map.

    The same scales as `shapes`, in torchvision's order: a square, one between this scale and the next, then wide and
    tall for each ratio (Liu 2016, section 2.2).
    """
    scales = [low + (high - low) * level / (levels - 1) for level in range(levels)] + [1.0]
    return [cell(*pair, (2, 3)) for pair in pairwise(scales)]


def cell(scale: float, further: float, ratios: Sequence[float]) -> list[list[float]]:
    """(height, width) of one map's anchors: two squares, then wide and tall for each ratio; at most the image."""
    pairs = [(scale, scale), (sqrt(scale * further),) * 2]
    for ratio in ratios:
        pairs += [(scale / sqrt(ratio), scale * sqrt(ratio)), (scale * sqrt(ratio), scale / sqrt(ratio))]
    return [[min(height, 1.0), min(width, 1.0)] for height, width in pairs]


def anchored(build: Build, scheme: list[list[list[float]]]) -> list[list[list[float]]]:
    """Anchor (height, width) per level: those the build names, else the scheme's. ValueError: as many levels."""
    if build.anchors is None:
        return scheme
    if len(build.anchors) != len(scheme) or not any(build.anchors):
        given, wanted = len(build.anchors), len(scheme)
        raise ValueError(f"anchors: {given} levels given; {wanted}, one of them not empty, would be right")
    return [[list(shape) for shape in level] for level in build.anchors]


def levels(table: list[list[list[float]]]) -> list[int]:
    """The numbers of the levels that have anchors."""
    return [level for level, shapes in enumerate(table) if shapes]


def facts(build: Build, maps: list[int], table: list[list[list[float]]]) -> dict[str, Any]:
    """The blueprint's decode facts; of the levels that have anchors, out of the sides of all maps."""
    return {
        "height": build.size,
        "width": build.size,
        "classes": list(build.classes),
        "maps": [maps[level] for level in levels(table)],
        "shapes": [table[level] for level in levels(table)],
        "variances": [0.1, 0.1, 0.2, 0.2],
        "score_threshold": 0.01,
        "iou_threshold": 0.5,
        "candidates": 300,
        "detections": 100,
    }
