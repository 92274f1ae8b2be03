"""SSDs put together: a backbone, the extra maps behind it, a head on each map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torchvision.ops import Conv2dNormActivation

from mfast_edge.backbones.blocks import centre, scaled
from mfast_edge.backbones.inverted import Inverted
from mfast_edge.backbones.mobilenet_v1 import MobileNetV1
from mfast_edge.backbones.vgg16 import VGG16
from mfast_edge.models.ssd.build import Build, Lite, levels
from mfast_edge.models.ssd.network import SSD, Extra, Head, LiteExtra, LiteHead
from mfast_edge.models.ssd.vgg import halves, sides

Extras = Sequence[tuple[int, int]]
Table = list[list[list[float]]]  # (height, width) of the anchors of every level; () drops it


def mobilenet(build: Build, table: Table, taps: tuple[int, ...], extras: Extras) -> SSD:
    """1x1 heads; every extra map has half the side of the one before it; nothing is built above the last head."""
    used = 1 + levels(table)[-1]
    backbone = MobileNetV1(build.size, build.width, taps[:used])
    channels, sides, further = list(backbone.channels), list(backbone.sides), nn.ModuleList()
    for reduced, outside in extras[: max(0, used - len(taps))]:
        wide = scaled(outside, build.width)
        further.append(Extra(sides[-1], channels[-1], scaled(reduced, build.width), wide))
        channels.append(wide)
        sides.append(-(-sides[-1] // 2))
    kinds = len(build.classes)
    heads = {str(n): Head(channels[n], sides[n], len(table[n]), kinds) for n in levels(table)}
    return SSD(backbone, further, nn.ModuleDict(heads))


def lite(build: Lite, table: Table, features: nn.Sequential, extras: Extras) -> SSD:
    """SSDLite's heads or 3x3 ones; extra maps as `mobilenet` has them, each with a depthwise convolution."""
    used = 1 + levels(table)[-1]
    backbone = Inverted(features, build.size, build.padding, min(used, 2))
    channels, sides, further = list(backbone.channels), list(backbone.sides), nn.ModuleList()
    for reduced, outside in extras[: max(0, used - 2)]:
        wide = scaled(outside, build.width)
        further.append(LiteExtra(sides[-1], channels[-1], scaled(reduced, build.width), wide))
        channels.append(wide)
        sides.append(-(-sides[-1] // 2))
    if build.padding == "centred":
        centre(further)
    kinds = len(build.classes)
    heads = {str(n): head(build, (channels[n], sides[n]), len(table[n]), kinds) for n in levels(table)}
    return SSD(backbone, further, nn.ModuleDict(heads))


def head(build: Lite, map_: tuple[int, int], anchors: int, kinds: int) -> Head:
    """A head of the build's kind on a map of (channels, side)."""
    if build.heads == "lite":
        return LiteHead(*map_, anchors, kinds)
    return Head(*map_, anchors, kinds, centred(map_[1]))


def vgg(build: Build, table: Table, extras: Extras) -> SSD:
    """3x3 heads; the first two extra maps halve the side, the others lose their rim; nothing above the last head."""
    used, maps = 1 + levels(table)[-1], sides(build.size)
    backbone, further = VGG16(build.width, min(used, 2)), nn.ModuleList()
    channels = list(backbone.channels)
    for level, (reduced, outside) in enumerate(extras[: max(0, used - 2)]):
        thin, wide = scaled(reduced, build.width), scaled(outside, build.width)
        further.append(shrink(channels[-1], thin, wide, (maps[level + 1], level)))
        channels.append(wide)
    kinds = len(build.classes)
    heads = {str(n): Head(channels[n], maps[n], len(table[n]), kinds, centred(maps[n])) for n in levels(table)}
    return SSD(backbone, further, nn.ModuleDict(heads))


def shrink(inside: int, thin: int, wide: int, place: tuple[int, int]) -> nn.Sequential:
    """A 1x1 block that reduces, a 3x3 block that expands and makes the map smaller."""
    side, level = place
    kernel = centred(side)
    how = (2, kernel // 2) if halves(side, level) else (1, 0)  # stride, padding
    return nn.Sequential(Conv2dNormActivation(inside, thin, 1), Conv2dNormActivation(thin, wide, kernel, *how))


def centred(side: int) -> int:
    """The kernel of a padded 3x3 convolution: on a map of one cell all but its centre meets padding."""
    return 3 if side > 1 else 1
