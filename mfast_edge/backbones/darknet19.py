"""Darknet-19 (Redmon 2017, table 6) without its classifier, with a width multiplier."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from mfast_edge.backbones.blocks import scaled

# (output channels at width 1, kernel) between poolings; the first three groups, the group of stride 16, of stride 32
GROUPS = (
    ((32, 3),),
    ((64, 3),),
    ((128, 3), (64, 1), (128, 3)),
    ((256, 3), (128, 1), (256, 3)),
    ((512, 3), (256, 1), (512, 3), (256, 1), (512, 3)),
    ((1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3)),
)
LEAK = 0.1


class Darknet19(nn.Module):
    """The maps of strides 16 and 32, of so many `channels`."""

    def __init__(self, width: float):
        super().__init__()
        inside, groups = 3, []
        for group in GROUPS:
            blocks = []
            for wide, kernel in group:
                blocks.append(
                    Conv2dNormActivation(
                        inside, scaled(wide, width), kernel, activation_layer=partial(nn.LeakyReLU, LEAK)
                    )
                )
                inside = scaled(wide, width)
            groups.append(nn.Sequential(*blocks))
        self.groups = nn.ModuleList(groups)
        self.pool = nn.MaxPool2d(2, 2)
        self.channels = [scaled(GROUPS[4][-1][0], width), inside]

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, size, size) normalised image → the maps."""
        x = self.groups[0](x)
        found = []
        for group in list(self.groups)[1:]:
            x = group(self.pool(x))
            found.append(x)
        return found[-2:]
