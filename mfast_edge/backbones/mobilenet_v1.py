"""MobileNet v1 (Howard 2017) with a width multiplier; names as in the published weights."""

from __future__ import annotations

from torch import Tensor, nn

from mfast_edge.backbones.blocks import Block, scaled

# (output channels at width 1, stride) of block1 … block13
TABLE = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
TABLE += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]


class Separable(nn.Module):
    """A 3x3 depthwise block, then a 1x1 pointwise block."""

    def __init__(self, size: int, channels: tuple[int, int], stride: int):
        super().__init__()
        inside = channels[0]
        self.depthwise = Block(size, (inside, inside), 3, stride, groups=inside)
        self.pointwise = Block(self.depthwise.out, channels)
        self.out = self.depthwise.out

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, size, size) → (B, out, self.out, self.out)."""
        return self.pointwise(self.depthwise(x))


class MobileNetV1(nn.Module):
    """Feature maps of the blocks named in `taps`; `channels` and `sides` describe them."""

    def __init__(self, size: int, width: float, taps: tuple[int, ...] = (11, 13)):
        super().__init__()
        self.taps = taps
        inside = scaled(32, width)
        self.conv0 = Block(size, (3, inside), 3, 2)
        side = self.conv0.out
        self.channels, self.sides = [], []
        for number, (outside, stride) in enumerate(TABLE[: max(taps)], 1):
            block = Separable(side, (inside, scaled(outside, width)), stride)
            inside, side = scaled(outside, width), block.out
            setattr(self, f"block{number}", block)
            if number in taps:
                self.channels.append(inside)
                self.sides.append(side)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, size, size) normalised image → one map for each tap."""
        x, found = self.conv0(x), []
        for number in range(1, max(self.taps) + 1):
            x = getattr(self, f"block{number}")(x)
            if number in self.taps:
                found.append(x)
        return found
