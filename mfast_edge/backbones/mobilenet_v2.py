"""MobileNet v2 (Sandler 2018) with a width multiplier, torchvision's."""

from __future__ import annotations

from torch import nn
from torchvision.models import mobilenet_v2
from torchvision.ops import Conv2dNormActivation

from mfast_edge.backbones.blocks import scaled

LAST = 1280  # channels of the last layer at width 1


def features(width: float) -> nn.Sequential:
    """Normalised image (B, 3, H, W) → (B, C, H / 32, W / 32). All layers scale: torchvision leaves the last as wide."""
    found: nn.Sequential = mobilenet_v2(width_mult=width, num_classes=1).features
    if width < 1:
        last = next(one for one in found[-1].modules() if isinstance(one, nn.Conv2d))
        found[-1] = Conv2dNormActivation(last.in_channels, scaled(LAST, width), 1, activation_layer=nn.ReLU6)
    return found
