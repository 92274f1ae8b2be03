"""The grammar of networks in YAML: a tree is read, checked, and every entry's shape worked out. No torch.

A flat entry is [repeat, module, [arguments]] and reads the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mfast_edge.errors import UserError
from mfast_edge.networks.kinds import KINDS, Module
from mfast_edge.networks.shape import Shape
from mfast_edge.settings import mistakes, named

CLASSES = "classes"  # stands for as many channels as there are classes
COLOURS = 3
KEYS = {"name", "input_channel", "input_size", "depth_multiple", "width_multiple", "backbone"}


@dataclass(frozen=True, slots=True)
class Link:
    """One module of an entry: its arguments as they are after scaling, what it reads and makes."""

    module: Module
    inside: tuple[Shape, ...]
    outside: Shape


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a network: the entries it reads (-1 is the image) and its modules, called one after the other."""

    number: int
    name: str
    sources: tuple[int, ...]
    links: tuple[Link, ...]

    @property
    def shape(self) -> Shape:
        """What comes out."""
        return self.links[-1].outside


@dataclass(frozen=True, slots=True)
class Asked:
    """What a tree is built for: outputs, input side in pixels, and multiples on top of the file's own."""

    classes: int
    size: int
    width: float = 1.0
    depth: float = 1.0


def read(name: str) -> dict[str, Any]:
    """The tree of configs/networks/NAME.yaml or of a YAML file, without its name. UserError: there is none."""
    return {key: value for key, value in named("networks", name, "model.network").items() if key != "name"}


def parse(tree: Mapping[str, Any], asked: Asked, where: str = "model.network") -> tuple[Entry, ...]:
    """The network's entries with all shapes. UserError names the entry that is wrong, and how."""
    if strange := sorted(set(tree) - KEYS):
        raise UserError(f"{where}: no key {strange[0]!r}; known: {', '.join(sorted(KEYS))}")
    if tree.get("input_channel", COLOURS) != COLOURS:
        raise UserError(f"{where}: input_channel {tree['input_channel']} given; images have {COLOURS}")
    rows = tree.get("backbone")
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{where}: no list `backbone`; entries [repeat, module, [arguments]] would be right")
    depth = asked.depth * multiple(tree, "depth_multiple", where)
    width = asked.width * multiple(tree, "width_multiple", where)
    found = list[Entry]()
    for number, row in enumerate(rows):
        found.append(entry(number, row, found, (asked, width, depth), f"{where}, entry {number}"))
    return tuple(found)


def multiple(tree: Mapping[str, Any], name: str, where: str) -> float:
    """A multiple of the file."""
    value = tree.get(name, 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 8:
        raise UserError(f"{where}: {name} {value!r} given; a number above 0 and up to 8 would be right")
    return float(value)


def entry(number: int, row: Any, before: Sequence[Entry], scale: tuple[Asked, float, float], where: str) -> Entry:
    """The entry that a row of the file describes."""
    asked, width, depth = scale
    repeat, name, arguments = parts(row, where)
    module = argued(name, arguments, asked.classes, f"{where} {name}").scaled(width)
    inside: tuple[Shape, ...] = (before[-1].shape if before else Shape(COLOURS, asked.size),)
    links = list[Link]()
    count = max(round(repeat * depth), 1) if repeat > 1 else repeat
    for turn in range(count):
        link = module.at(turn, count)
        try:
            links.append(Link(link, inside, link.shape(inside)))
        except ValueError as wrong:
            raise UserError(f"{where} {name}: {wrong}") from None
        inside = (links[-1].outside,)
    return Entry(number, name, (number - 1,), tuple(links))


def parts(row: Any, where: str) -> tuple[int, str, list[Any]]:
    """Repeat, module and arguments of a row."""
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[2], list):
        raise UserError(f"{where}: {row!r} given; [repeat, module, [arguments]] would be right")
    repeat, name, arguments = row
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
        raise UserError(f"{where}: repeat {repeat!r} given; a whole number from 1 would be right")
    if name not in KINDS:
        raise UserError(f"{where}: no module {name!r}; known: {', '.join(sorted(KINDS))}")
    return repeat, name, arguments


def argued(name: str, arguments: Sequence[Any], classes: int, where: str) -> Module:
    """A module with its arguments; the word classes becomes their count."""
    kind = KINDS[name]
    fields = list(kind.model_fields)
    if len(arguments) > len(fields):
        raise UserError(f"{where}: {len(arguments)} arguments given; at most {len(fields)} would be right: {fields}")
    given = dict(zip(fields, arguments, strict=False))
    try:
        module = kind(**given)
    except ValidationError as wrong:
        raise UserError("; ".join(mistakes(wrong, kind, where))) from None
    return module.model_copy(update={"out": classes}) if getattr(module, "out", None) == CLASSES else module
