"""MnasNet (Tan 2019), B1, with a width multiplier, torchvision's."""

from __future__ import annotations

from torch import nn
from torchvision.models import MNASNet

from mfast_edge.backbones.blocks import scaled

LAST = 1280  # channels of the last layer at width 1
MOMENTUM = 0.1  # torchvision's 0.0003 is for hundreds of epochs


def features(width: float) -> nn.Sequential:
    """Normalised image (B, 3, H, W) → (B, C, H / 32, W / 32). All layers scale: torchvision leaves the last as wide."""
    found = MNASNet(width, num_classes=1).layers
    if width < 1:
        thin = scaled(LAST, width)
        found[-3] = nn.Conv2d(found[-3].in_channels, thin, 1, bias=False)
        found[-2] = nn.BatchNorm2d(thin)
    for norm in found.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = MOMENTUM
    return found
