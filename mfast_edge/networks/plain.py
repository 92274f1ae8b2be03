"""The grammar's layers, as arguments and shapes. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from mfast_edge.networks.module import (
    Activation,
    Count,
    Fixed,
    Kernel,
    Module,
    Stride,
    fits,
    grouped,
    mapped,
    odd,
    padding,
)
from mfast_edge.networks.shape import Shape

Pad = Annotated[int, Field(ge=0)]


class Conv(Module):
    """Convolution, batch norm, activation. Repeated, the last one has the stride; no `pad`: half the kernel. Without
    `norm` it has a bias instead."""

    where = "last"
    out: Count
    kernel: Kernel
    stride: Stride = 1
    pad: Pad | None = None
    groups: Count = 1
    activation: Activation | None = "ReLU"
    norm: bool = True

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the convolution."""
        there = mapped(given)
        grouped(self.groups, there.channels, self.out)
        return Shape(self.out, fits(there, self.kernel, self.stride, padding(self.kernel, self.pad)))


class FixedConv(Conv):
    """The same with just so many channels: no width multiple, no rounding. A bare convolution with a bias unless asked
    for more, as logits want it; the predecessor's had a batch norm there too."""

    out: Count | Literal["classes"]  # type: ignore[assignment]
    activation: Activation | None = None
    norm: bool = False

    def scaled(self, width: float) -> Module:
        """As it is."""
        return self


class DWConv(Module):
    """Depthwise convolution, batch norm, activation; a 1x1 one behind it where the channels change.

    The predecessor's had gcd(in, out) groups: a convolution that is neither depthwise nor dense, which runtimes run
    slowly and which no latency table, pruning or rounding here knows.
    """

    where = "last"
    out: Count
    kernel: Kernel
    stride: Stride = 1
    pad: Pad | None = None
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind both convolutions."""
        return Shape(self.out, fits(mapped(given), self.kernel, self.stride, padding(self.kernel, self.pad)))


class Linear(Fixed):
    """A fully connected layer; no width multiple, no rounding."""

    once = True
    out: Count | Literal["classes"]
    activation: Activation | None = None

    def shape(self, given: Sequence[Shape]) -> Shape:
        """So many features."""
        if given[0].side:
            raise ValueError(f"a vector is read, and a map of {given[0]} comes; Flatten before it would be right")
        assert isinstance(self.out, int)
        return Shape(self.out, 0)


class MaxPool(Module):
    """The largest of a window; no `stride`: the kernel."""

    once = True

    kernel: Kernel
    stride: Stride | None = None
    pad: Pad = 0

    def shape(self, given: Sequence[Shape]) -> Shape:
        """As many channels, fewer cells."""
        there = mapped(given)
        if 2 * self.pad > self.kernel:
            raise ValueError(f"pad {self.pad} given; at most half the kernel {self.kernel} would be right")
        return Shape(there.channels, fits(there, self.kernel, self.stride or self.kernel, self.pad))


class AvgPool(MaxPool):
    """The mean of a window."""


class GlobalAvgPool(Module):
    """The mean of each channel, as a map of one cell."""

    once = True

    def shape(self, given: Sequence[Shape]) -> Shape:
        """As many channels."""
        return Shape(mapped(given).channels, 1)


class Flatten(Module):
    """A map as a vector."""

    once = True

    def shape(self, given: Sequence[Shape]) -> Shape:
        """All cells of all channels."""
        there = mapped(given)
        return Shape(there.channels * there.side**2, 0)


class Dropout(Module):
    """Values left out in training."""

    p: Annotated[float, Field(ge=0, lt=1)] = 0.5


class Identity(Module):
    """What comes goes."""


class UpSample(Module):
    """A map with `factor` times as many cells a side, each the nearest one's value."""

    factor: Annotated[int, Field(ge=2, le=8)] = 2

    def shape(self, given: Sequence[Shape]) -> Shape:
        """As many channels."""
        there = mapped(given)
        return Shape(there.channels, there.side * self.factor)


class Add(Module):
    """The sum of maps of one shape, then an activation."""

    many = once = True
    activation: Activation | None = None

    def shape(self, given: Sequence[Shape]) -> Shape:
        """The same shape."""
        if len(given) < 2 or len(set(given)) > 1:
            raise ValueError(f"{told(given)} come; several of one shape would be right")
        return given[0]


class Concat(Module):
    """Maps of one side, their channels one after the other."""

    many = once = True

    def shape(self, given: Sequence[Shape]) -> Shape:
        """All channels."""
        if len(given) < 2 or len({one.side for one in given}) > 1:
            raise ValueError(f"{told(given)} come; several of one side would be right")
        return Shape(sum(one.channels for one in given), given[0].side)


class Focus(Module):
    """Four cells as channels of one, then a convolution: the same function as one convolution of twice the kernel with
    stride 2, which it is here."""

    once = True
    out: Count
    kernel: Kernel = 1
    activation: Activation | None = "SiLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Half the cells a side."""
        odd(self.kernel)
        return Shape(self.out, fits(mapped(given), 2 * self.kernel, 2, self.kernel // 2 * 2))


class ECA(Module):
    """Efficient channel attention (Wang 2020): each channel times what a convolution of `kernel` over the means of the
    channels beside it says. No kernel: as many as section 3.2.3 has for so many channels."""

    kernel: Kernel | None = None

    def shape(self, given: Sequence[Shape]) -> Shape:
        """The same."""
        odd(self.kernel or 1)
        return mapped(given)


class YamlModule(Fixed):
    """The entries of another YAML file on the map that comes; its tree stands here once the file is read, and the
    grammar asks the entries for their shapes."""

    tree: dict[str, Any] | str


def told(given: Sequence[Shape]) -> str:
    """Shapes in words."""
    return " and ".join(str(one) for one in given)
