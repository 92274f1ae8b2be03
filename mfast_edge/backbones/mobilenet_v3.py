"""MobileNet v3 (Howard 2019), large and small, with a width multiplier, torchvision's."""

from __future__ import annotations

from functools import partial
from typing import Literal

from torch import nn
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small

Variant = Literal["large", "small"]
Tail = Literal["whole", "reduced"]


def features(width: float, variant: Variant, tail: Tail) -> nn.Sequential:
    """Normalised image (B, 3, H, W) → (B, C, H / 32, W / 32). `tail` reduced: the layers of stride 32 are half as
    wide, as detectors have them (section 6.3)."""
    build = mobilenet_v3_large if variant == "large" else mobilenet_v3_small
    norm = partial(nn.BatchNorm2d, eps=1e-3)  # with torch's momentum: torchvision's is for hundreds of epochs
    found: nn.Sequential = build(
        width_mult=width, reduced_tail=tail == "reduced", norm_layer=norm, num_classes=1
    ).features
    return found
