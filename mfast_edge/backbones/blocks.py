"""Convolution blocks with TensorFlow's SAME padding, which depends on the input's size; widths."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after a side of `size`, so that ceil(size / stride) cells come out."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def scaled(channels: int, width: float) -> int:
    """Channels at a width multiplier: a multiple of 8, at least 8."""
    return max(8, int(channels * width + 4) // 8 * 8)


class Block(nn.Module):
    """Convolution, batch norm, ReLU6 on a square map of `size`; `self.out` is the side that comes out."""

    def __init__(self, size: int, channels: tuple[int, int], kernel: int = 1, stride: int = 1, groups: int = 1):
        super().__init__()
        before, after = same(size, kernel, stride)
        even = before == after
        self.pad = None if even else (before, after, before, after)
        self.conv = nn.Conv2d(*channels, kernel, stride, before if even else 0, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(channels[1], eps=1e-3)
        self.out = -(-size // stride)
        self.single = size == 1 and kernel > 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, size, size) → (B, out, self.out, self.out)."""
        if self.pad is not None:
            x = F.pad(x, self.pad)
        if self.single and torch.is_autocast_enabled(x.device.type):
            # torch 2.15 on a CPU: the bfloat16 weight gradient of a 3x3 convolution on a 1x1 map is not finite.
            with torch.autocast(x.device.type, enabled=False):
                return F.relu6(self.norm(self.conv(x.float())))
        return F.relu6(self.norm(self.conv(x)))


def centre(network: nn.Module) -> None:
    """Give the blocks of a network torch's padding: the same zeros before and after, whatever the side."""
    for block in network.modules():
        if isinstance(block, Block):
            block.pad, block.conv.padding = None, (block.conv.kernel_size[0] // 2,) * 2
