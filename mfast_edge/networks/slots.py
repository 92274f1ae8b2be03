"""Module slots: a short section of a space as knobs, and what a search chose for them as a tree of the flat grammar.

The predecessor's space: seven slots of one module each, repeated, then a 1x1 convolution and the mean. Five strides of
2 at most; slot 2 has one if none had, slot 4 if only one had, slot 6 if only two had. Put right here: slot 6's forced
stride went to slot 4's variable and was lost; a slot that is passed could not take its stride, which now falls to the
next slot that is there; a chosen stride 2 behind the fifth is 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mfast_edge.errors import UserError
from mfast_edge.networks.module import Activation
from mfast_edge.settings import Settings, check

Name = Literal["Conv", "DWConv", "InvertedResidualv2", "InvertedResidualv3", "MBConv", "Pass"]
Count = Annotated[int, Field(ge=1)]
Range = tuple[Count, Count, Count]  # low, high, step
Knobs = dict[str, dict[str, Any]]

PASS = "Pass"
STRIDES = 5  # of 2, at most
DUE = {2: 1, 4: 2, 6: 3}  # from this slot on so many strides of 2 have been
GROUPS = {"conv": ("Conv", "DWConv"), "v2": ("InvertedResidualv2",), "v3": ("InvertedResidualv3",), "mb": ("MBConv",)}
OURS = re.compile(r"slot([1-9]\d*)\.\S+|tail\.out")


class Choice(Settings):
    """What a module may be in a slot: channels low, high, step; kernels; expansions, for MBConv those of the list,
    for the inverted residuals all from its first to its last (whole ones for v2)."""

    out: Range
    kernel: tuple[Annotated[int, Field(ge=1, le=9)], ...] = (3, 5)
    expand: tuple[Annotated[float, Field(ge=1, le=16)], ...] = (1, 6)

    @model_validator(mode="after")
    def rising(self) -> Self:
        """Ranges that hold something; kernels with a centre."""
        low, high, step = self.out
        if high < low or (high - low) % step:
            raise ValueError(f"out {list(self.out)} given; low, high and a step that leads from one to the other")
        if not self.kernel or any(kernel % 2 == 0 for kernel in self.kernel):
            raise ValueError(f"kernel {list(self.kernel)} given; odd ones would be right")
        if not self.expand or list(self.expand) != sorted(self.expand):
            raise ValueError(f"expand {list(self.expand)} given; rising values would be right")
        return self


class Slot(Settings):
    """A slot: at most so many repeats, and what each module may be; a module without a choice is not offered."""

    repeat: Count = 5
    conv: Choice | None = None
    v2: Choice | None = None
    v3: Choice | None = None
    mb: Choice | None = None


def slot(conv: Range, v2: Range, rise: int, v3: Range) -> Slot:
    """A slot of the predecessor's table: MBConv's channels are those of InvertedResidualv3."""
    return Slot(
        conv=Choice(out=conv, kernel=(1, 3, 5)),
        v2=Choice(out=v2, expand=(1, rise)),
        v3=Choice(out=v3),
        mb=Choice(out=v3),
    )


TABLE = (
    Slot(repeat=3, conv=Choice(out=(16, 64, 16), kernel=(3,))),
    slot((16, 128, 16), (16, 32, 16), 4, (16, 40, 8)),
    slot((16, 128, 16), (8, 32, 8), 8, (8, 40, 8)),
    slot((16, 256, 16), (8, 64, 8), 8, (8, 80, 8)),
    slot((16, 256, 16), (16, 128, 16), 8, (16, 80, 16)),
    slot((16, 512, 16), (16, 128, 16), 8, (16, 160, 16)),
    slot((128, 1024, 128), (16, 160, 16), 8, (8, 160, 8)),
)


class Section(Settings):
    """The section `slots` of a space: which modules may stand in slots from the second on, with which activations
    behind plain convolutions; the slots' own choices, else the predecessor's seven; the tail's channels."""

    modules: tuple[Name, ...] = Field(
        ("Conv", "DWConv", "InvertedResidualv2", "InvertedResidualv3", "MBConv", "Pass"), min_length=1
    )
    activation: tuple[Activation, ...] = Field(("ReLU", "HardSwish"), min_length=1)
    slots: tuple[Slot, ...] = Field(TABLE, min_length=1)
    tail: Range = (128, 1024, 128)

    @model_validator(mode="after")
    def offered(self) -> Self:
        """Every slot must hold something that may stand there."""
        for number, one in enumerate(self.slots, 1):
            if not self.names(number, one):
                raise ValueError(f"slots: slot {number} has a choice for none of {', '.join(self.modules)}")
        return self

    def names(self, number: int, one: Slot) -> list[str]:
        """The modules that a slot may hold: the first is a convolution."""
        have = [name for group, names in GROUPS.items() if getattr(one, group) for name in names]
        if number == 1:
            return [name for name in have if name in GROUPS["conv"]]
        return [name for name in self.modules if name in have or (name == PASS and have)]


def expand(section: Mapping[str, Any]) -> Knobs:
    """{dotted name: knob} of a section; what only some modules have is there when the slot holds one of them.

    UserError: the section is none.
    """
    asked = check(Section, section, "slots")
    found: Knobs = {"tail.out": span(asked.tail)}
    for number, one in enumerate(asked.slots, 1):
        found |= {f"slot{number}.{name}": knob for name, knob in knobs(number, one, asked)}
    return found


def knobs(number: int, one: Slot, asked: Section) -> Iterator[tuple[str, dict[str, Any]]]:
    """The knobs of a slot."""
    names, module = asked.names(number, one), f"slot{number}.module"
    there = {"when": {module: [name for name in names if name != PASS]}} if PASS in names else {}
    yield "module", choices(names)
    yield "repeat", {"type": "int", "low": 1, "high": one.repeat} | there
    yield "stride", choices((1, 2)) | there
    for group, kinds in GROUPS.items():
        choice, present = getattr(one, group), [name for name in names if name in kinds]
        if choice and present:
            when = {} if present == names else {"when": {module: present}}
            for name, knob in inner(group, choice, asked):
                yield name, knob | when


def inner(group: str, choice: Choice, asked: Section) -> Iterator[tuple[str, dict[str, Any]]]:
    """The knobs that only one group of modules has."""
    yield f"{group}.out", span(choice.out)
    if group == "conv":
        yield "activation", choices(asked.activation)
    if group != "v2":
        yield f"{group}.kernel", choices(choice.kernel)
    low, high = choice.expand[0], choice.expand[-1]
    if group == "v2":
        if ceil(low) > floor(high):
            raise UserError(f"slots: v2.expand {list(choice.expand)} holds no whole number; [1, 6] would be right")
        yield "v2.expand", {"type": "int", "low": ceil(low), "high": floor(high)}
    if group == "v3":
        yield "v3.expand", {"type": "float", "low": low, "high": high, "step": 0.1}
        yield "v3.se", choices((0, 1))
        yield "v3.hs", choices((0, 1))
    if group == "mb":
        yield "mb.expand", choices(choice.expand)


def choices(values: Any) -> dict[str, Any]:
    """One of several."""
    return {"type": "categorical", "choices": list(values)}


def span(limits: Range) -> dict[str, Any]:
    """Whole numbers in steps."""
    low, high, step = limits
    return {"type": "int", "low": low, "high": high, "step": step}


def from_slots(params: Mapping[str, Any]) -> dict[str, Any]:
    """The tree that a search's choices are: buildable at every size from 32 px. What is no slot's is not looked at."""
    mine = {name: value for name, value in params.items() if OURS.fullmatch(name)}
    last = max(int(match[1]) for name in mine if (match := OURS.fullmatch(name)) and match[1])
    rows, halved = [], 0
    for number in range(1, last + 1):
        own = {name.partition(".")[2]: value for name, value in mine.items() if name.startswith(f"slot{number}.")}
        if own["module"] == PASS:
            continue
        due = max((count for start, count in DUE.items() if start <= number), default=0)
        stride = 2 if halved < due or (own["stride"] == 2 and halved < STRIDES) else 1
        halved += stride == 2
        rows.append([own["repeat"], own["module"], arguments(own, stride)])
    tail = [[1, "Conv", [mine["tail.out"], 1]], [1, "GlobalAvgPool", []]]
    return {"backbone": [*rows, *tail, [1, "FixedConv", ["classes", 1]], [1, "Flatten", []]]}


def arguments(own: Mapping[str, Any], stride: int) -> list[Any]:
    """A slot's module's arguments, in the grammar's order."""
    name = own["module"]
    if name in ("Conv", "DWConv"):
        plain = [own["conv.out"], own["conv.kernel"], stride, None]
        return [*plain, *([1] if name == "Conv" else []), own["activation"]]
    if name == "InvertedResidualv2":
        return [own["v2.out"], own["v2.expand"], stride]
    if name == "MBConv":
        return [own["mb.expand"], own["mb.out"], stride, own["mb.kernel"]]
    return [own["v3.kernel"], own["v3.expand"], own["v3.out"], own["v3.se"], own["v3.hs"], stride]
