"""YOLO9000s put together: a backbone, the layers that join its two maps, the head."""

from __future__ import annotations

from torch import nn

from mfast_edge.backbones.blocks import Block, centre, scaled
from mfast_edge.models.yolo9000.build import STRIDE, Build
from mfast_edge.models.yolo9000.network import YOLO, Head, Separable

WIDE, THIN = 1024, 64  # channels around the passthrough and inside it at width 1


def network(build: Build) -> YOLO:
    """A fresh network."""
    backbone, (fine, coarse) = backboned(build)
    side, wide, thin = build.size // STRIDE, scaled(WIDE, build.width), scaled(THIN, build.width)
    before = nn.Sequential(block(build, side, coarse, wide), block(build, side, wide, wide))
    after = nn.Sequential(*joining(build, side, 4 * thin + wide, wide))
    anchors = build.anchors if isinstance(build.anchors, int) else len(build.anchors)
    made = YOLO(backbone, before, Block(2 * side, (fine, thin)), after, Head(wide, anchors, build.nodes))
    if build.padding == "centred":
        centre(made)
    return made


def joining(build: Build, side: int, inside: int, outside: int) -> list[nn.Module]:
    """A 3x3 convolution over both maps. Of a depthwise one a 1x1 block comes first: its channels are nobody else's,
    while four of a depthwise convolution's would be one of the passthrough's and pruning could not part them."""
    if build.heads == "full":
        return [block(build, side, inside, outside)]
    return [Block(side, (inside, outside)), block(build, side, outside, outside)]


def block(build: Build, side: int, inside: int, outside: int) -> nn.Module:
    """A 3x3 convolution of the build's kind."""
    return Separable(side, inside, outside) if build.heads == "lite" else Block(side, (inside, outside), 3)


def backboned(build: Build) -> tuple[nn.Module, list[int]]:
    """The backbone, and the channels of its maps of strides 16 and 32."""
    from mfast_edge.backbones.darknet19 import Darknet19
    from mfast_edge.backbones.inverted import Inverted
    from mfast_edge.backbones.mobilenet_v1 import MobileNetV1

    if build.backbone == "darknet19":
        dark = Darknet19(build.width)
        return dark, dark.channels
    if build.backbone == "mobilenet_v1":
        mobile = MobileNetV1(build.size, build.width)
        return mobile, mobile.channels
    inverted = Inverted(features(build), build.size, build.padding)
    return inverted, inverted.channels


def features(build: Build) -> nn.Sequential:
    """torchvision's layers of a network of inverted residuals."""
    from mfast_edge.backbones import mnasnet, mobilenet_v2, mobilenet_v3

    if build.backbone == "mnasnet":
        return mnasnet.features(build.width)
    if build.backbone == "mobilenet_v2":
        return mobilenet_v2.features(build.width)
    return mobilenet_v3.features(build.width, "large" if build.backbone.endswith("large") else "small", "reduced")
