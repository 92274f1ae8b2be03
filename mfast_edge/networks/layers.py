"""The grammar's modules in torch, one function for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from mfast_edge.networks import kinds
from mfast_edge.networks.grammar import Link
from mfast_edge.networks.kinds import padding
from mfast_edge.networks.shape import divisible

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "ReLU6": nn.ReLU6,
    "LeakyReLU": nn.LeakyReLU,
    "ELU": nn.ELU,
    "SiLU": nn.SiLU,
    "Swish": nn.SiLU,
    "HardSwish": nn.Hardswish,
    "Hardswish": nn.Hardswish,
    "HardSigmoid": nn.Hardsigmoid,
    "Hardsigmoid": nn.Hardsigmoid,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
}


def activation(name: str | None) -> nn.Module:
    """The activation of this name; none: what comes goes."""
    return ACTIVATIONS[name]() if name else nn.Identity()


class ConvNorm(nn.Module):
    """Convolution, batch norm, activation; `single`: it reads a map of one cell."""

    def __init__(self, conv: nn.Conv2d, act: str | None, single: bool = False):
        super().__init__()
        self.conv, self.norm, self.act = conv, nn.BatchNorm2d(conv.out_channels), activation(act)
        self.single = single and conv.kernel_size != (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H', W')."""
        if self.single and torch.is_autocast_enabled(x.device.type):
            # torch 2.15 on a CPU: the bfloat16 weight gradient of a 3x3 convolution on a 1x1 map is not finite.
            with torch.autocast(x.device.type, enabled=False):
                return self.act(self.norm(self.conv(x.float())))
        return self.act(self.norm(self.conv(x)))


class Residual(nn.Module):
    """A body to whose output the input is added."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.body(x)


def block(inside: int, outside: int, kernel: int, act: str | None, **more: Any) -> ConvNorm:
    """A block whose convolution has zeros of half its kernel around; `side` of the map that it reads."""
    side = more.pop("side", 0)
    conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False, **more)
    return ConvNorm(conv, act, side == 1)


def conv(link: Link) -> nn.Module:
    """Conv and its kin."""
    it, there = link.module, link.inside[0]
    assert isinstance(it, kinds.Conv)
    bare = isinstance(it, kinds.FixedConv) and it.activation is None
    made = nn.Conv2d(
        there.channels, it.out, it.kernel, it.stride, padding(it.kernel, it.pad), groups=it.groups, bias=bare
    )
    return made if bare else ConvNorm(made, it.activation, there.side == 1)


def inverted3(link: Link) -> nn.Module:
    """MobileNet v3's block (Howard 2019, figure 4); nothing is expanded where the expansion changes no width."""
    it, there = link.module, link.inside[0]
    assert isinstance(it, kinds.InvertedResidualv3)
    act, wide = "HardSwish" if it.hs else "ReLU", divisible(there.channels * it.expand)
    steps: list[nn.Module] = [block(there.channels, wide, 1, act)] if wide != there.channels else []
    steps.append(block(wide, wide, it.kernel, act, stride=it.stride, groups=wide, side=there.side))
    if it.se:
        steps.append(SqueezeExcitation(wide, divisible(wide // 4), scale_activation=nn.Hardsigmoid))
    body = nn.Sequential(*steps, block(wide, it.out, 1, None))
    return Residual(body) if there == link.outside else body


class FullyConnected(nn.Module):
    """A linear layer and its activation."""

    def __init__(self, inside: int, outside: int, act: str | None):
        super().__init__()
        self.linear, self.act = nn.Linear(inside, outside), activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in) → (B, out)."""
        return self.act(self.linear(x))


def linear(link: Link) -> nn.Module:
    """A fully connected layer."""
    assert isinstance(link.module, kinds.Linear)
    return FullyConnected(link.inside[0].channels, link.outside.channels, link.module.activation)


def dropout(link: Link) -> nn.Module:
    """Values left out in training."""
    assert isinstance(link.module, kinds.Dropout)
    return nn.Dropout(link.module.p)


MAKERS: dict[type[kinds.Module], Callable[[Link], nn.Module]] = {
    kinds.Conv: conv,
    kinds.FixedConv: conv,
    kinds.InvertedResidualv3: inverted3,
    kinds.GlobalAvgPool: lambda _: nn.AdaptiveAvgPool2d(1),
    kinds.Flatten: lambda _: nn.Flatten(1),
    kinds.Linear: linear,
    kinds.Dropout: dropout,
}
