"""The first 20 convolutions of YOLOv1 (Redmon 2016, figure 3), those that were trained on ImageNet first."""

from __future__ import annotations

from torch import nn

from mfast_edge.backbones.blocks import scaled

SLOPE = 0.1  # of the leaky ReLU (equation 2)
POOL = (0, 0, 0)
# (output channels at width 1, kernel, stride)
TABLE = [(64, 7, 2), POOL, (192, 3, 1), POOL, (128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1), POOL]
TABLE += [(256, 1, 1), (512, 3, 1)] * 4 + [(512, 1, 1), (1024, 3, 1), POOL]
TABLE += [(512, 1, 1), (1024, 3, 1)] * 2


def leaky(inside: int, outside: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, leaky ReLU; the map stays, or is halved upwards, where the kernel is odd.

    The paper has no batch norms; the configuration that its authors released later has.
    """
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside, eps=1e-3),
        nn.LeakyReLU(SLOPE),
    )


def features(width: float) -> nn.Sequential:
    """Normalised image (B, 3, H, W) → (B, C, H / 32, W / 32), rounded up."""
    layers, inside = list[nn.Module](), 3
    for row in TABLE:
        if row == POOL:
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        else:
            outside, kernel, stride = row
            layers.append(leaky(inside, scaled(outside, width), kernel, stride))
            inside = scaled(outside, width)
    return nn.Sequential(*layers)
