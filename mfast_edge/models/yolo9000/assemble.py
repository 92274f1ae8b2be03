"""YOLO9000s put together: a backbone, the layers that join its two maps, the head."""

from __future__ import annotations

from torch import nn

from mfast_edge.backbones.blocks import Block, centre, scaled
from mfast_edge.backbones.darknet19 import Darknet19
from mfast_edge.backbones.inverted import Inverted, features
from mfast_edge.backbones.mobilenet_v1 import MobileNetV1
from mfast_edge.models.yolo9000.build import STRIDE, Build
from mfast_edge.models.yolo9000.network import YOLO, Head, Separable

WIDE, THIN = 1024, 64  # channels around the passthrough and inside it at width 1


def network(build: Build) -> YOLO:
    """A fresh network."""
    backbone = backboned(build)
    fine, coarse = backbone.channels
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


def backboned(build: Build) -> Darknet19 | MobileNetV1 | Inverted:
    """The backbone with its maps of strides 16 and 32."""
    if build.backbone == "darknet19":
        return Darknet19(build.width)
    if build.backbone == "mobilenet_v1":
        return MobileNetV1(build.size, build.width)
    return Inverted(features(build.backbone, build.width, "reduced"), build.size, build.padding)
