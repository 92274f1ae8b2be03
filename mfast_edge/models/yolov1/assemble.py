"""A YOLOv1 put together: a backbone of the build's kind, the neck, the fully connected layers."""

from __future__ import annotations

from torch import nn

from mfast_edge.backbones import extraction, vgg16
from mfast_edge.backbones.blocks import scaled
from mfast_edge.backbones.extraction import leaky
from mfast_edge.backbones.inverted import Inverted, features
from mfast_edge.backbones.mobilenet_v1 import TABLE, MobileNetV1
from mfast_edge.models.yolov1.build import Build, halves, pool
from mfast_edge.models.yolov1.network import YOLO, Whole
from mfast_edge.models.yolov1.start import start


def assemble(build: Build) -> YOLO:
    """A fresh network in float32."""
    trunk = backbone(build)
    inside = [one for one in trunk.modules() if isinstance(one, nn.BatchNorm2d)][-1].num_features
    channels = [inside, *(scaled(wide, build.width) for wide in build.neck)]
    network = YOLO(trunk, neck(build, channels), channels[-1], scaled(build.hidden, build.width), build)
    start(network, build)
    return network


def backbone(build: Build) -> nn.Module:
    """Normalised image (B, 3, size, size) → maps, the last one of stride 32."""
    kind, width = build.backbone, build.width
    if kind == "mobilenet_v1":
        return MobileNetV1(build.size, width, (len(TABLE),))
    if kind in ("extraction", "vgg16"):
        return Whole((extraction if kind == "extraction" else vgg16).features(width))
    return Inverted(features(kind, width), build.size, build.padding)


def neck(build: Build, channels: list[int]) -> nn.Sequential:
    """3x3 convolutions from each of `channels` to the next, then what makes the map a grid.

    The second has stride 2 where one has, as in the paper; the only one, where there is one.
    """
    halved = min(1, len(build.neck) - 1) if halves(build) else None
    layers: list[nn.Module] = [
        leaky(channels[number], channels[number + 1], 3, 2 if number == halved else 1)
        for number in range(len(build.neck))
    ]
    kernel, stride = pool(build)
    return nn.Sequential(*layers, *([] if kernel == 1 else [nn.AvgPool2d(kernel, stride)]))
