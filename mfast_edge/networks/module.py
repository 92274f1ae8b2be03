"""What every module of the grammar is: arguments in YAML's order, and the shape it makes. No torch."""

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
Count = Annotated[int, Field(ge=1, le=16384)]
Kernel = Annotated[int, Field(ge=1, le=31)]
Stride = Annotated[int, Field(ge=1, le=4)]
Rise = Annotated[float, Field(ge=1, le=16)]  # how much wider a block is inside
Part = Annotated[float, Field(gt=0, le=1)]


class Module(Settings):
    """A module's arguments: which of its repeats has the stride, how many maps it reads, whether it may be repeated."""

    where: ClassVar[Literal["first", "last"]] = "first"
    many: ClassVar[bool] = False
    once: ClassVar[bool] = False

    def scaled(self, width: float) -> Module:
        """The same with its channels at a width multiple, rounded as the grammar rounds."""
        out = getattr(self, "out", None)
        return self if out is None else self.model_copy(update={"out": divisible(out * width)})

    def at(self, number: int, repeat: int) -> Module:
        """The same as it is the `number`-th of `repeat`: one of them has the stride."""
        acts = number == (0 if self.where == "first" else repeat - 1)
        return self if acts or "stride" not in type(self).model_fields else self.model_copy(update={"stride": 1})

    def repeated(self, count: int) -> tuple[Module, ...]:
        """The modules that so many repeats are."""
        return tuple(self.at(number, count) for number in range(count))

    def shape(self, given: Sequence[Shape]) -> Shape:
        """What comes out; what comes in, unless a module says otherwise. ValueError says what does not fit."""
        return given[0]


class Fixed(Module):
    """A module whose channels are just those that are given: no width multiple, no rounding."""

    def scaled(self, width: float) -> Module:
        """As it is."""
        return self


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


def grouped(groups: int, inside: int, outside: int) -> None:
    """ValueError where a convolution's groups are neither one nor one for each channel."""
    if groups != 1 and not groups == inside == outside:
        raise ValueError(
            f"groups {groups} given for {inside} to {outside} channels; 1, or as many as both, would be right: latency "
            "tables, pruning and int8 know no others"
        )


def odd(kernel: int) -> None:
    """ValueError for a kernel without a centre, which would change the map's side."""
    if kernel % 2 == 0:
        raise ValueError(f"kernel {kernel} given; an odd one would be right")
