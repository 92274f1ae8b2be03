"""The grammar's blocks of several layers, as arguments and shapes. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from mfast_edge.networks.module import (
    Activation,
    Count,
    Kernel,
    Module,
    Part,
    Rise,
    Stride,
    fits,
    grouped,
    mapped,
    odd,
)
from mfast_edge.networks.shape import Shape, divisible


class Strided(Module):
    """A block with `out` channels, a kernel and a stride."""

    def window(self, given: Sequence[Shape], kernel: int, stride: int) -> Shape:
        """What a padded window of an odd kernel makes of the map."""
        odd(kernel)
        out: int = self.out  # type: ignore[attr-defined]
        return Shape(out, fits(mapped(given), kernel, stride, kernel // 2))


class Bottleneck(Strided):
    """A 1x1 and a 3x3 convolution; the input is added where it has as many channels (of `shortcut`)."""

    out: Count
    shortcut: bool = True
    groups: Count = 1
    expansion: Part = 0.5
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """The same cells."""
        grouped(self.groups, divisible(self.out * self.expansion), self.out)
        return self.window(given, 3, 1)


class InvertedResidualv2(Strided):
    """MobileNet v2's block (Sandler 2018): channels, expansion, stride; ReLU6."""

    out: Count
    expand: Rise
    stride: Stride = 1

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, 3, self.stride)


class InvertedResidualv3(Strided):
    """MobileNet v3's block: kernel, expansion, channels, squeeze and excite, hard swish instead of ReLU, stride."""

    kernel: Kernel
    expand: Rise
    out: Count
    se: bool
    hs: bool
    stride: Stride = 1

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, self.kernel, self.stride)


class ECAInvertedResidualv2(InvertedResidualv2):
    """The same with efficient channel attention behind the depthwise convolution."""


class ECAInvertedResidualv3(InvertedResidualv3):
    """The same, its squeeze and excite being efficient channel attention."""


class MBConv(Strided):
    """EfficientNet's block (Tan 2019): expansion, channels, stride, kernel; squeeze and excite, swish.

    What comes out are the `out` channels; the predecessor took the expansion for them.
    """

    expand: Rise
    out: Count
    stride: Stride = 1
    kernel: Kernel = 3

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, self.kernel, self.stride)


class MBConvv2(Strided):
    """EfficientNet v2's block (Tan 2021): expansion, channels, stride, squeeze and excite; swish. Without squeeze and
    excite the first two convolutions are one of 3x3 (figure 2), at expansion 1 too, as the predecessor's."""

    expand: Rise
    out: Count
    stride: Stride = 1
    se: bool = False

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, 3, self.stride)


class MV2Block(Strided):
    """MobileNet v2's block in Kindle's words: channels, stride, expansion, activation."""

    out: Count
    stride: Stride = 1
    expand: Rise = 4
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, 3, self.stride)


class ShuffleNetV2(Strided):
    """ShuffleNet v2's unit (Ma 2018): one half of the channels goes by, or with stride 2 all go both ways. No `out`: as
    many as come, and twice as many with stride 2."""

    stride: Stride = 1
    out: Count | None = None

    def at(self, number: int, repeat: int) -> Module:
        """Only the first of several makes other channels."""
        return self if number == 0 else self.model_copy(update={"stride": 1, "out": None})

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the unit."""
        there = mapped(given)
        out = self.out or there.channels * (2 if self.stride > 1 else 1)
        if out % 2 or (self.stride == 1 and out != there.channels):
            raise ValueError(f"{out} channels of {there.channels} given; even, and as many with stride 1, is right")
        return Shape(out, fits(there, 3, self.stride, 1))


class ResBlock(Strided):
    """ResNet's block of two 3x3 convolutions (He 2016); the input is projected where its shape changes."""

    out: Count
    stride: Stride = 1
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, 3, self.stride)


class ResBottleneck(Strided):
    """ResNet's block of a 1x1, a 3x3 and a 1x1 convolution with `out` channels, inside 1 / `expansion` of them."""

    out: Count
    stride: Stride = 1
    expansion: Annotated[int, Field(ge=1, le=8)] = 4
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, 3, self.stride)


class Fire(Module):
    """SqueezeNet's module (Iandola 2016): a 1x1 convolution that squeezes, a 1x1 and a 3x3 one side by side. With a
    bias, or with `norm` a batch norm instead."""

    squeeze: Count
    one: Count
    three: Count
    norm: bool = True

    def scaled(self, width: float) -> Module:
        """All three at a width multiple."""
        wide = {name: divisible(getattr(self, name) * width) for name in ("squeeze", "one", "three")}
        return self.model_copy(update=wide)

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Both expansions' channels."""
        return Shape(self.one + self.three, mapped(given).side)


class GhostBottleneck(Strided):
    """GhostNet's block (Han 2020, table 1): kernel, channels inside and outside, squeeze and excite, stride."""

    kernel: Kernel
    inside: Count
    out: Count
    se: bool = False
    stride: Stride = 1

    def scaled(self, width: float) -> Module:
        """Both at a width multiple."""
        wide = {name: divisible(getattr(self, name) * width) for name in ("inside", "out")}
        return self.model_copy(update=wide)

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return self.window(given, self.kernel, self.stride)


class SPP(Module):
    """Spatial pyramid pooling: a 1x1 convolution to half the channels, the largest of windows beside it, a 1x1 one."""

    out: Count
    kernels: Annotated[tuple[Kernel, ...], Field(min_length=1)] = (5, 9, 13)
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """The same cells."""
        for kernel in self.kernels:
            odd(kernel)
        return Shape(self.out, mapped(given).side)


class SPPF(Module):
    """The same with one window three times over."""

    out: Count
    kernel: Kernel = 5
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """The same cells."""
        odd(self.kernel)
        return Shape(self.out, mapped(given).side)


class C3(Module):
    """A cross-stage block with three 1x1 convolutions; repeated, there are more bottlenecks inside."""

    out: Count
    shortcut: bool = True
    groups: Count = 1
    expansion: Part = 0.5
    activation: Activation | None = "ReLU"
    blocks: Annotated[int, Field(ge=1, le=100)] = 1

    def repeated(self, count: int) -> tuple[Module, ...]:
        """One, with as many bottlenecks inside."""
        return (self.model_copy(update={"blocks": self.blocks * count}),)

    def shape(self, given: Sequence[Shape]) -> Shape:
        """The same cells."""
        hidden = divisible(self.out * self.expansion)
        grouped(self.groups, hidden, hidden)
        return Shape(self.out, mapped(given).side)


class BottleneckCSP(C3):
    """The older one with four (Wang 2020): both ways end in a bare 1x1 convolution, one norm is over both."""
