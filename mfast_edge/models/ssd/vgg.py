"""SSD300 on VGG16 (Liu 2016): its settings, anchors and network; torch is loaded by what needs it, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.models.ssd.build import Build, Width, anchored, cell, facts, levels
from mfast_edge.models.ssd.labels import TORCHVISION, labels

if TYPE_CHECKING:
    from torch import Tensor

    from mfast_edge.models.ssd.network import SSD

STRIDES = (8, 16, 32, 64)  # px, of the first four maps; one cell of the others is the image over their side
RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
EXTRAS = ((256, 512), (128, 256), (128, 256), (128, 256))  # (reduced, expanded) channels at width 1


class Paper(Build):
    """The published scales: conv4_3's, then five evenly spaced, and one more step for the last square."""

    width: Width = 1.0
    scale_first: float = 0.1
    scale_low: float = 0.2
    scale_high: float = 0.88


class Vgg:
    """What an SSD on VGG16 has of its own (detector.Body)."""

    def table(self, build: Paper) -> list[list[list[float]]]:
        """Anchor (height, width) of every level. ValueError: the build names another number of levels."""
        return anchored(build, shapes(build))

    def facts(self, build: Paper) -> dict[str, Any]:
        """What decode must know, as JSON."""
        table, maps = self.table(build), sides(build.size)
        grids = [build.size / stride for stride in STRIDES] + maps[len(STRIDES) :]
        return {**facts(build, maps, table), "grids": [grids[level] for level in levels(table)]}

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Width by the widest convolution or the first; the scales of torchvision's own SSD300."""
        own, first = shapes.get("backbone.fc7.0.weight"), shapes.get("features.0.weight")
        if TORCHVISION in shapes:
            first = shapes["backbone.features.0.weight"]
            scales = {"scale_first": 0.07, "scale_low": 0.15, "scale_high": 0.87}
            return {"width": first[0] / 64, **scales}
        return {"width": own[0] / 1024} if own else {"width": first[0] / 64} if first else {}

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """The classes that weights of these shapes find."""
        return labels(shapes)

    def network(self, build: Paper) -> SSD:
        """A fresh network in float32."""
        from mfast_edge.models.ssd.assemble import vgg

        return vgg(build, self.table(build), EXTRAS)

    def load(self, network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.ssd.vgg_weights import load

        return load(network, file, tensors)


def sides(size: int) -> list[int]:
    """Sides of the six maps: 300 → 38 19 10 5 3 1."""
    first = -(-(size // 2 // 2) // 2)
    found = [first, first // 2]
    for level in range(len(EXTRAS)):
        found.append(expanded(found[-1], level))
    return found


def halves(side: int, level: int) -> bool:
    """Whether an extra map's 3x3 convolution has stride 2 and padding; the last two have neither where they fit."""
    return level < 2 or side < 3


def expanded(side: int, level: int) -> int:
    """The side of the extra map that follows one of `side`."""
    return -(-side // 2) if halves(side, level) else side - 2


def shapes(build: Paper) -> list[list[list[float]]]:
    """Anchor (height, width) per level in parts of the image: 4 or 6, at most the image.

    Liu 2016, section 2.2 with the published code's scales (.1, then .2 .37 .54 .71 .88, then 1.05), in
    torchvision's order: a square, one between this scale and the next, then wide and tall for each ratio.
    """
    step = (build.scale_high - build.scale_low) / (len(RATIOS) - 2)
    scales = [build.scale_first] + [build.scale_low + step * level for level in range(len(RATIOS))]
    return [cell(*pair, ratios) for pair, ratios in zip(pairwise(scales), RATIOS, strict=True)]
