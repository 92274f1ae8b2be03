"""What modules are made of in torch: activations, convolution blocks, sums, attention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge.backbones.blocks import same

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


@dataclass(frozen=True, slots=True)
class Window:
    """How a convolution moves over a map of `side` cells; no `pad`: half the kernel, or with `same` as TensorFlow pads
    for a stride."""

    kernel: int
    stride: int = 1
    groups: int = 1
    side: int = 0
    pad: int | None = None
    same: bool = False

    @property
    def zeros(self) -> tuple[int, int]:
        """Zeros before and after."""
        if self.pad is None and self.same and self.stride > 1 and self.kernel % 2:
            return same(self.side, self.kernel, self.stride)
        pad = self.kernel // 2 if self.pad is None else self.pad
        return pad, pad


class ConvNorm(nn.Module):
    """Convolution, batch norm, activation; without a norm the convolution has a bias."""

    def __init__(self, inside: int, outside: int, window: Window, act: str | None, norm: bool = True):
        super().__init__()
        before, after = window.zeros
        even = before == after
        self.pad = None if even else (before, after, before, after)
        self.conv = nn.Conv2d(
            inside, outside, window.kernel, window.stride, before if even else 0, groups=window.groups, bias=not norm
        )
        self.norm = nn.BatchNorm2d(outside) if norm else nn.Identity()
        self.act = activation(act)
        self.single = window.side == 1 and window.kernel > 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H', W')."""
        if self.pad is not None:
            x = F.pad(x, self.pad)
        if self.single and torch.is_autocast_enabled(x.device.type):
            # torch 2.15 on a CPU: the bfloat16 weight gradient of a 3x3 convolution on a 1x1 map is not finite.
            with torch.autocast(x.device.type, enabled=False):
                return self.act(self.norm(self.conv(x.float())))
        return self.act(self.norm(self.conv(x)))


class Residual(nn.Module):
    """A body to whose output what the shortcut makes of the input is added; then an activation."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None, act: str | None = None):
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut or nn.Identity(), activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H', W')."""
        return self.act(self.shortcut(x) + self.body(x))


class Beside(nn.Module):
    """Two ways of one map, their channels one after the other."""

    def __init__(self, one: nn.Module, other: nn.Module):
        super().__init__()
        self.one, self.other = one, other

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, both ways' channels, H', W')."""
        return torch.cat([self.one(x), self.other(x)], 1)


class Behind(Beside):
    """A map, and beside it what a second way makes of it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, both maps' channels, H', W')."""
        first = self.one(x)
        return torch.cat([first, self.other(first)], 1)


class Shuffle(nn.Module):
    """ShuffleNet v2's unit: a half, or all, of the channels by `pass_by`, the rest by `body`, then shuffled in two
    groups."""

    def __init__(self, pass_by: nn.Module | None, body: nn.Module):
        super().__init__()
        self.pass_by, self.body = pass_by, body

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H', W'): both ways' channels in turn."""
        if self.pass_by is None:
            left, right = x.chunk(2, 1)
        else:
            left, right = self.pass_by(x), x
        return torch.stack([left, self.body(right)], 2).flatten(1, 2)


class Attention(nn.Module):
    """Each channel times the sigmoid of a convolution over the means of the channels beside it (Wang 2020).

    `near` holds the kernel and is never called: a convolution along channels is none over a map.
    """

    def __init__(self, channels: int, kernel: int | None):
        super().__init__()
        reach = int(abs((log2(channels) + 1) / 2))
        self.near = nn.Conv2d(1, 1, (1, kernel or reach + 1 - reach % 2), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        means = F.adaptive_avg_pool2d(x, 1).flatten(1).unsqueeze(1)
        kernel = self.near.weight.squeeze(2)
        told = F.conv1d(means, kernel, padding=kernel.shape[2] // 2).sigmoid()
        return x * told.flatten(1).unsqueeze(2).unsqueeze(3)


class Pyramid(nn.Module):
    """The largest of windows around each cell, beside the map itself, between two 1x1 convolutions; `after`: each
    window over what the one before it made."""

    def __init__(self, first: nn.Module, last: nn.Module, kernels: tuple[int, ...], after: bool):
        super().__init__()
        self.first, self.last, self.after = first, last, after
        self.windows = nn.ModuleList(nn.MaxPool2d(kernel, 1, kernel // 2) for kernel in kernels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H, W)."""
        maps = [self.first(x)]
        for window in self.windows:
            maps.append(window(maps[-1] if self.after else maps[0]))
        return self.last(torch.cat(maps, 1))


class Sum(nn.Module):
    """The sum of maps, then an activation."""

    def __init__(self, act: str | None):
        super().__init__()
        self.act = activation(act)

    def forward(self, *maps: Tensor) -> Tensor:
        """The same shape."""
        found = maps[0]
        for one in maps[1:]:
            found = found + one
        return self.act(found)


class Join(nn.Module):
    """Maps, their channels one after the other."""

    def forward(self, *maps: Tensor) -> Tensor:
        """(B, all channels, H, W)."""
        return torch.cat(maps, 1)


class FullyConnected(nn.Module):
    """A linear layer and its activation."""

    def __init__(self, inside: int, outside: int, act: str | None):
        super().__init__()
        self.linear, self.act = nn.Linear(inside, outside), activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in) → (B, out)."""
        return self.act(self.linear(x))
