"""The CenterNet network (Zhou 2019): a backbone, steps back up to stride 4, three heads on that map.

Up goes nearest-neighbour resizing, a 1x1 convolution of the backbone's map of that side, a sum, a depthwise and a 1x1
convolution, instead of the paper's deconvolutions: without the map beside, two sevenths of the multiply-adds of a 4x4
one, no checkerboard, and layers that every stage knows.
"""

from __future__ import annotations

from math import log

from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge.backbones.blocks import Block, scaled
from mfast_edge.backbones.mobilenet_v1 import Separable
from mfast_edge.backbones.pyramid import pyramid
from mfast_edge.models.centernet.build import Build

WIDE = 64  # channels of a step up, at width 1
PRIOR = 0.1  # every score's start, as published
START = 0.5  # of sizes and offsets: objects are some cells wide, and centres lie anywhere in theirs
Outputs = tuple[Tensor, Tensor, Tensor]


class Up(nn.Module):
    """From a map of half the side, and the backbone's of this one."""

    def __init__(self, side: int, beside: int, wide: int):
        super().__init__()
        self.side = side
        self.lateral = Block(side, (beside, wide))
        self.mix = Separable(side, (wide, wide), 1)

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        """(B, wide, side / 2, side / 2) and (B, beside, side, side) → (B, wide, side, side)."""
        up = F.interpolate(x, size=(self.side, self.side), mode="nearest")
        return self.mix(up + self.lateral(beside))


class Head(nn.Module):
    """A hidden layer, lite or full, and the convolution that says something."""

    def __init__(self, side: int, wide: int, outputs: int, lite: bool):
        super().__init__()
        self.before = Separable(side, (wide, wide), 1) if lite else Block(side, (wide, wide), 3)
        self.last = nn.Conv2d(wide, outputs, 1)
        nn.init.normal_(self.last.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(B, wide, side, side) → (B, outputs, side, side)."""
        return self.last(self.before(x))


class CenterNet(nn.Module):
    """Images (B, 3, size, size) RGB 0..255 → on a map of stride 4 class logits (B, classes, side, side), sizes and
    offsets (B, 2, side, side), x before y, in 8 cells and in cells."""

    def __init__(self, build: Build):
        super().__init__()
        backbone = pyramid(build.backbone, build.size, build.width, build.padding)
        self.name, wide = build.backbone, scaled(WIDE, build.width)
        self.add_module(build.backbone, backbone)  # so that weights tell which one it is
        *lower, (side, top) = zip(backbone.sides, backbone.channels, strict=True)
        self.top = Block(side, (top, wide))
        self.ups = nn.ModuleList(Up(side, channels, wide) for side, channels in reversed(lower))
        lite, side = build.heads == "lite", backbone.sides[0]
        self.heatmap = Head(side, wide, len(build.classes), lite)
        self.sizes = Head(side, wide, 2, lite)
        self.offsets = Head(side, wide, 2, lite)
        for head, bias in ((self.heatmap, -log(1 / PRIOR - 1)), (self.sizes, START), (self.offsets, START)):
            nn.init.constant_(head.last.bias, bias)  # type: ignore[arg-type]

    @property
    def backbone(self) -> nn.Module:
        """What makes the maps at strides 4, 8, 16 and 32."""
        return self.get_submodule(self.name)

    def forward(self, images: Tensor) -> Outputs:
        """Raw outputs; normalisation to -1..1 is the graph's first node."""
        return self.predict(self.maps(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The one feature map (B, C, side, side) that the heads read."""
        *lower, top = self.backbone((images - 128) / 128)
        x: Tensor = self.top(top)
        for up, beside in zip(self.ups, reversed(lower), strict=True):
            x = up(x, beside)
        return [x]

    def predict(self, maps: list[Tensor]) -> Outputs:
        """Raw outputs of `maps`."""
        return self.heatmap(maps[0]), self.sizes(maps[0]), self.offsets(maps[0])

    @property
    def wide(self) -> int:
        """Channels of the map that the heads read, whatever compression made of it."""
        first = next(leaf for leaf in self.heatmap.modules() if isinstance(leaf, nn.Conv2d))
        return first.in_channels


def heads(network: nn.Module) -> list[nn.Module]:
    """The convolutions whose outputs are classes, sizes and offsets; the last one of a decomposed head."""
    found = [module.last for module in network.modules() if isinstance(module, Head)]
    return [leaf[-1] if isinstance(leaf, nn.Sequential) else leaf for leaf in found]
