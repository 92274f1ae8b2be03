"""torchvision's networks of inverted residuals as the two maps that a detector reads."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from mfast_edge.backbones import mnasnet, mobilenet_v2, mobilenet_v3
from mfast_edge.backbones.blocks import same
from mfast_edge.backbones.mobilenet_v3 import Tail

Padding = Literal["same", "centred"]


class Inverted(nn.Module):
    """Of `features` the expansion in front of the last convolution of stride 2, and the last map; of `maps` 1 the
    first only, and nothing above it (Sandler 2018, section 6.2). So many `channels`, maps of `sides`.

    `padding`: same as TensorFlow's, whose zeros come last on even sides; centred as torch's, alike on both sides.
    """

    def __init__(self, features: nn.Sequential, size: int, padding: Padding, maps: int = 2):
        super().__init__()
        paths = halvings(features)
        norms = [leaf for leaf in features.modules() if isinstance(leaf, nn.BatchNorm2d)]
        self.channels = [features.get_parameter(f"{paths[-1]}.weight").shape[0], norms[-1].num_features][:maps]
        self.sides = [halved(size, len(paths) - 1), halved(size, len(paths))][:maps]
        if padding == "same":
            pads(features, size)
        target = block_of(features, paths[-1])
        steps = unrolled(features, target)
        names = list(steps)
        cut = min(names.index(name) for name in (named(target), padding_of(named(target))) if name in steps)
        self.lower = nn.Sequential(OrderedDict((name, steps[name]) for name in names[:cut]))
        self.upper = nn.Sequential(OrderedDict((name, steps[name]) for name in names[cut:])) if maps > 1 else None

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, size, size) normalised image → the maps."""
        first = self.lower(x)
        return [first] if self.upper is None else [first, self.upper(first)]


def features(name: str, width: float, tail: Tail = "whole") -> nn.Sequential:
    """The layers of one of INVERTED; `tail` is that of MobileNets v3."""
    if name == "mnasnet":
        return mnasnet.features(width)
    if name == "mobilenet_v2":
        return mobilenet_v2.features(width)
    return mobilenet_v3.features(width, "large" if name.endswith("large") else "small", tail)


def halvings(network: nn.Module) -> list[str]:
    """Paths of the convolutions of stride 2, in the order of the forward."""
    return [path for path, leaf in network.named_modules() if strided(leaf)]


def strided(leaf: nn.Module) -> bool:
    """Whether a leaf halves the map."""
    return isinstance(leaf, nn.Conv2d) and leaf.stride == (2, 2)


def halved(side: int, times: int) -> int:
    """A side after so many convolutions of stride 2."""
    return -(-side // 2**times)


def pads(network: nn.Sequential, size: int) -> None:
    """Give all convolutions of stride 2 TensorFlow's SAME padding for an image of `size`."""
    for times, path in enumerate(halvings(network)):
        pad(network, path, halved(size, times))


def pad(network: nn.Sequential, path: str, side: int) -> None:
    """Give the convolution at `path`, of stride 2, TensorFlow's SAME padding for a map of `side`; no leaf moves."""
    parent, name = network.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]
    conv = network.get_submodule(path)
    assert isinstance(conv, nn.Conv2d)
    before, after = same(side, conv.kernel_size[0], 2)
    if before == after:
        return
    conv.padding = (0, 0)
    children = list(parent.named_children())
    for key, _ in children:
        delattr(parent, key)
    for key, child in children:
        if key == name:
            parent.add_module(padding_of(name), nn.ZeroPad2d((before, after, before, after)))
        parent.add_module(key, child)


def block_of(network: nn.Module, path: str) -> str:
    """The convolution at `path`, or the block with norm and activation that it is in."""
    parent = path.rpartition(".")[0]
    return parent if isinstance(network.get_submodule(parent), Conv2dNormActivation) else path


def padding_of(name: str) -> str:
    """What the zeros in front of a convolution are called."""
    stem, line, last = name.rpartition("_")
    return f"{stem}{line}pad{last}"


def unrolled(network: nn.Module, target: str, prefix: str = "") -> dict[str, nn.Module]:
    """The modules that are called one after the other, those around `target` opened: none of them adds its input."""
    steps: dict[str, nn.Module] = {}
    for name, child in network.named_children():
        path = prefix + name
        steps |= unrolled(child, target, f"{path}.") if target.startswith(f"{path}.") else {named(path): child}
    return steps


def named(path: str) -> str:
    """A path as the name of one module."""
    return path.replace(".", "_")
