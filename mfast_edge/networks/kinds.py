"""The modules of the grammar: their arguments in YAML's order, and the shape that each makes. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mfast_edge.networks.shape import Shape, divisible, slid
from mfast_edge.settings import Settings

Activation = Literal[
    "ReLU", "ReLU6", "LeakyReLU", "ELU", "SiLU", "Swish", "HardSwish", "Hardswish", "HardSigmoid", "Hardsigmoid",
    "Sigmoid", "Tanh",
]  # fmt: skip
Count = Annotated[int, Field(ge=1)]
Kernel = Annotated[int, Field(ge=1, le=31)]
Stride = Annotated[int, Field(ge=1, le=4)]
Rise = Annotated[float, Field(ge=1, le=16)]  # how much wider a block is inside


class Module(Settings):
    """A module's arguments; `where` its stride acts when it is repeated; how many maps it reads."""

    where: ClassVar[Literal["first", "last"]] = "first"
    many: ClassVar[bool] = False

    def scaled(self, width: float) -> Module:
        """The same with its channels at a width multiple, rounded as the grammar rounds."""
        return self.model_copy(update={"out": divisible(self.out * width)}) if hasattr(self, "out") else self

    def at(self, number: int, repeat: int) -> Module:
        """The same as it is the `number`-th of `repeat`: one of them has the stride."""
        acts = number == (0 if self.where == "first" else repeat - 1)
        return self if acts or "stride" not in type(self).model_fields else self.model_copy(update={"stride": 1})

    def shape(self, given: Sequence[Shape]) -> Shape:
        """What comes out. ValueError says what does not fit."""
        raise NotImplementedError


class Conv(Module):
    """Convolution, batch norm, activation. Repeated, the last one has the stride; no `pad`: half the kernel."""

    where = "last"
    out: Count
    kernel: Kernel
    stride: Stride = 1
    pad: Annotated[int, Field(ge=0)] | None = None
    groups: Count = 1
    activation: Activation | None = "ReLU"

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the convolution."""
        there = mapped(given)
        if there.channels % self.groups or self.out % self.groups:
            raise ValueError(f"groups {self.groups} do not divide {there.channels} and {self.out} channels")
        return Shape(self.out, fits(there, self.kernel, self.stride, padding(self.kernel, self.pad)))


class FixedConv(Conv):
    """The same with just so many channels: no width multiple, no rounding. Without an activation it is a bare
    convolution with a bias, as logits want it; the predecessor's had a batch norm there too."""

    out: Count | Literal["classes"]  # type: ignore[assignment]
    activation: Activation | None = None

    def scaled(self, width: float) -> Module:
        """As it is."""
        return self


class InvertedResidualv3(Module):
    """MobileNet v3's block: kernel, expansion, channels, squeeze and excite, hard swish instead of ReLU, stride."""

    kernel: Kernel
    expand: Rise
    out: Count
    se: bool
    hs: bool
    stride: Stride = 1

    def shape(self, given: Sequence[Shape]) -> Shape:
        """Channels and cells behind the block."""
        return Shape(self.out, fits(mapped(given), self.kernel, self.stride, self.kernel // 2))


class GlobalAvgPool(Module):
    """The mean of each channel, as a map of one cell."""

    def shape(self, given: Sequence[Shape]) -> Shape:
        """As many channels."""
        return Shape(mapped(given).channels, 1)


class Flatten(Module):
    """A map as a vector."""

    def shape(self, given: Sequence[Shape]) -> Shape:
        """All cells of all channels."""
        there = given[0]
        return Shape(there.channels * max(1, there.side) ** 2, 0)


class Linear(Module):
    """A fully connected layer; no width multiple, no rounding, never repeated."""

    out: Count | Literal["classes"]
    activation: Activation | None = None

    def scaled(self, width: float) -> Module:
        """As it is."""
        return self

    def shape(self, given: Sequence[Shape]) -> Shape:
        """So many features."""
        if given[0].side:
            raise ValueError(f"a vector is read, and a map of {given[0]} comes; Flatten before it would be right")
        assert isinstance(self.out, int)
        return Shape(self.out, 0)


class Dropout(Module):
    """Values left out in training."""

    p: Annotated[float, Field(ge=0, lt=1)] = 0.5

    def shape(self, given: Sequence[Shape]) -> Shape:
        """The same."""
        return given[0]


def mapped(given: Sequence[Shape]) -> Shape:
    """The one map that is read. ValueError: a vector comes."""
    if not given[0].side:
        raise ValueError(f"a map is read, and a vector of {given[0]} comes")
    return given[0]


def padding(kernel: int, pad: int | None) -> int:
    """Zeros on each side: half the kernel unless given."""
    return kernel // 2 if pad is None else pad


def fits(there: Shape, kernel: int, stride: int, pad: int) -> int:
    """Cells a side that come out. ValueError: the window is larger than the padded map."""
    side = slid(there.side, kernel, stride, pad)
    if side < 1:
        raise ValueError(f"a window of {kernel} does not fit on a map of {there.side} cells a side")
    return side


KINDS: dict[str, type[Module]] = {
    kind.__name__: kind for kind in (Conv, FixedConv, InvertedResidualv3, GlobalAvgPool, Flatten, Linear, Dropout)
}
