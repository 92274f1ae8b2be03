"""Any backbone as its maps at strides 4, 8, 16 and 32: what a network that goes back up reads."""

from __future__ import annotations

from torch import Tensor, nn

from mfast_edge.backbones import resnet18, vgg16
from mfast_edge.backbones.inverted import Padding, features, halved, pads, strided
from mfast_edge.backbones.mobilenet_v1 import MobileNetV1
from mfast_edge.backbones.origin import INVERTED, Backbone

TAPS = (3, 5, 11, 13)  # MobileNet v1's blocks: the last ones at each stride
FIRST = 4  # the first map's stride


class Pyramid(nn.Module):
    """The maps that `steps`, called one after the other, end each stride from 4 on with: so many `channels`, `sides`
    of an image of `size`."""

    def __init__(self, steps: nn.Sequential, size: int):
        super().__init__()
        self.steps, self.taps = steps, list[int]()
        self.channels, self.sides = list[int](), list[int]()
        layers, halvings, wide = list(steps), 0, 0
        for place, layer in enumerate(layers):
            halvings += halves(layer)
            norms = [leaf for leaf in layer.modules() if isinstance(leaf, nn.BatchNorm2d)]
            wide = norms[-1].num_features if norms else wide
            ends = place + 1 == len(layers) or halves(layers[place + 1])
            if ends and 2**halvings >= FIRST:
                self.taps.append(place)
                self.channels.append(wide)
                self.sides.append(halved(size, halvings))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, size, size) normalised image → the maps, the largest first."""
        found = []
        for place, layer in enumerate(self.steps):
            x = layer(x)
            if place in self.taps:
                found.append(x)
        return found


def halves(layer: nn.Module) -> bool:
    """Whether a layer halves the map."""
    return any(strided(leaf) or (isinstance(leaf, nn.MaxPool2d) and leaf.stride == 2) for leaf in layer.modules())


def pyramid(name: Backbone, size: int, width: float, padding: Padding) -> MobileNetV1 | Pyramid:
    """The backbone of this name, without what only a classifier has. `padding` is that of inverted residuals."""
    if name == "mobilenet_v1":
        return MobileNetV1(size, width, TAPS)
    steps = layers(name, width)
    if padding == "same" and name in INVERTED:
        pads(steps, size)
    return Pyramid(steps, size)


def layers(name: Backbone, width: float) -> nn.Sequential:
    """The layers below the classifier's: without the last 1x1 convolution of inverted residuals, VGG's last pooling."""
    if name == "resnet18":
        return resnet18.features(width)
    return vgg16.features(width)[:-1] if name == "vgg16" else features(name, width)[: -3 if name == "mnasnet" else -1]
