"""VGG16 (Simonyan 2014) as SSD uses it (Liu 2016, section 3): batch norms, a width multiplier, dilated fc6, fc7."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers
from torchvision.ops import Conv2dNormActivation

from mfast_edge.backbones.blocks import scaled


def features(width: float) -> nn.Sequential:
    """Normalised image (B, 3, H, W) → (B, C, H / 32, W / 32), rounded up: the whole network of 13 convolutions."""
    found = make_layers(widths(width), batch_norm=True)
    for layer in found:
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = True
    return found


def widths(width: float) -> list[str | int]:
    """torchvision's table of output channels and poolings, scaled."""
    return [one if isinstance(one, str) else scaled(one, width) for one in cfgs["D"]]


class L2Norm(nn.Module):
    """Each cell's channels as a unit vector, times a learnt scale per channel (Liu 2015, ParseNet).

    The scale is a depthwise 1x1 convolution, so that whatever prunes the map's channels prunes it too.
    """

    def __init__(self, channels: int, scale: float = 20.0):
        super().__init__()
        self.scale = nn.Conv2d(channels, channels, 1, groups=channels, bias=False)
        nn.init.constant_(self.scale.weight, scale)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape."""
        whole = x if x.dtype == torch.float32 else x.float()  # 512 squares add up badly in bfloat16
        length = whole.norm(dim=1, keepdim=True).clamp(min=1e-6)  # an addition would be rounded to int8
        return self.scale(x / length)


class VGG16(nn.Module):
    """The maps of conv4_3, L2-normed, and of fc7, so many `channels`; of `maps` 1 nothing above conv4_3."""

    def __init__(self, width: float, maps: int = 2):
        super().__init__()
        self.features = make_layers(widths(width), batch_norm=True)
        pools = [place for place, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        self.features[pools[2]] = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.features[pools[4]] = nn.MaxPool2d(3, 1, 1)
        self.tap = pools[3]  # the layer that must not be applied before conv4_3's map is taken
        inside, wide = scaled(512, width), scaled(1024, width)
        self.norm = L2Norm(inside)
        self.channels = [inside, wide][:maps]
        if maps > 1:
            self.fc6 = Conv2dNormActivation(inside, wide, 3, dilation=6)
            self.fc7 = Conv2dNormActivation(wide, wide, 1)
        else:
            self.features = self.features[: self.tap]

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, size, size) normalised image → the maps, a 300 px image's of 38 and 19 cells a side."""
        for layer in self.features[: self.tap]:
            x = layer(x)
        first = self.norm(x)
        if len(self.channels) == 1:
            return [first]
        for layer in self.features[self.tap :]:
            x = layer(x)
        return [first, self.fc7(self.fc6(x))]
