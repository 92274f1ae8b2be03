"""ResNet-18 (He 2016) with a width multiplier, of torchvision's blocks; names as in its weights."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn
from torchvision.models.resnet import BasicBlock

from mfast_edge.backbones.blocks import scaled

WIDE = (64, 128, 256, 512)  # channels of layer1 … layer4 at width 1


def features(width: float) -> nn.Sequential:
    """Normalised image (B, 3, H, W) → (B, C, H / 32, W / 32)."""
    inside = scaled(WIDE[0], width)
    steps: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, inside, 7, 2, 3, bias=False),
        bn1=nn.BatchNorm2d(inside),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, 2, 1),
    )
    for number, wide in enumerate(WIDE, 1):
        outside = scaled(wide, width)
        steps[f"layer{number}"] = nn.Sequential(
            block(inside, outside, 1 if number == 1 else 2), block(outside, outside, 1)
        )
        inside = outside
    return nn.Sequential(steps)


def block(inside: int, outside: int, stride: int) -> BasicBlock:
    """Two 3x3 convolutions and a sum; what is added is projected where the map becomes smaller."""
    if stride == 1:
        return BasicBlock(inside, outside)
    shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
    return BasicBlock(inside, outside, stride, shortcut)
