"""The grammar of networks in YAML: a tree is read, checked, and every entry's shape worked out. No torch.

A flat entry is [repeat, module, [arguments]] and reads the one before it. One of the graph form is [from, repeat,
module, [arguments]], `from` being the number of an entry, from 0, or how many before (-1), or a list of these; the
image is what entry 0 reads at -1. Either may end in {argument: value}. `head` goes on where `backbone` ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from mfast_edge.errors import UserError
from mfast_edge.networks.kinds import KINDS
from mfast_edge.networks.module import Module
from mfast_edge.networks.plain import YamlModule
from mfast_edge.networks.shape import Shape
from mfast_edge.settings import mistakes

CLASSES = "classes"  # stands for as many channels as there are classes
COLOURS = 3
MOST = 100  # repeats of a module
KEYS = {
    "backbone", "depth_multiple", "head", "input_channel", "input_size", "name", "outputs", "padding", "width_multiple",
}  # fmt: skip
FORM = "[repeat, module, [arguments]] or [from, repeat, module, [arguments]]"


@dataclass(frozen=True, slots=True)
class Link:
    """One module of an entry: its arguments as they are after scaling, what it reads and makes; the entries that a
    YamlModule is. `same`: strides pad as TensorFlow's do."""

    module: Module
    inside: tuple[Shape, ...]
    outside: Shape
    entries: tuple[Entry, ...] = ()
    same: bool = False


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


@dataclass(frozen=True, slots=True)
class Context:
    """What all entries of a tree are made with; `where` begins every complaint."""

    image: Shape
    asked: Asked
    same: bool
    where: str


def parse(tree: Mapping[str, Any], asked: Asked, where: str = "model.network") -> tuple[Entry, ...]:
    """The network's entries with all shapes. UserError names the entry that is wrong, and how."""
    return inside(tree, asked, Shape(COLOURS, asked.size), where)


def settle(tree: Mapping[str, Any], given: Mapping[str, Any], reader: Callable[..., object]) -> dict[str, Any]:
    """A tree as a build keeps it, without what only a file has, once `reader` took it, as the build's other settings
    (`given`) want it. UserError names the file and the entry that is wrong."""
    found = {key: value for key, value in tree.items() if key not in ("name", "input_size")}
    if {"classes", "size", "width", "depth"} <= given.keys():
        asked = Asked(len(given["classes"]), given["size"], given["width"], given["depth"])
        reader(padded(found, given.get("padding")), asked, " ".join(["model.network", *names(tree)]))
    return found


def names(tree: Mapping[str, Any]) -> list[str]:
    """What a tree's file is called, if it was read from one."""
    return [str(tree["name"])] if "name" in tree else []


def padded(tree: Mapping[str, Any], padding: str | None) -> dict[str, Any]:
    """The tree, and every tree inside it, with another padding than its own, if there is one."""
    if not padding:
        return dict(tree)
    return {key: repadded(value, padding) for key, value in tree.items()} | {"padding": padding}


def repadded(part: Any, padding: str) -> Any:
    """The same of a part of a tree."""
    if isinstance(part, dict):
        inner = {key: repadded(value, padding) for key, value in part.items()}
        return inner | {"padding": padding} if "backbone" in part else inner
    return [repadded(one, padding) for one in part] if isinstance(part, list) else part


def inside(tree: Mapping[str, Any], asked: Asked, image: Shape, where: str) -> tuple[Entry, ...]:
    """The entries of a tree on a map of any shape."""
    check(tree, where)
    scaled = replace(
        asked,
        depth=asked.depth * multiple(tree, "depth_multiple", where),
        width=asked.width * multiple(tree, "width_multiple", where),
    )
    context = Context(image, scaled, tree.get("padding") == "same", where)
    found = list[Entry]()
    for row in [*tree["backbone"], *tree.get("head", [])]:
        found.append(entry(row, found, context))
    used = {source for one in found for source in one.sources} | set(outputs(tree, len(found), where))
    if idle := [one for one in found if one.number not in used]:
        raise UserError(f"{where}, entry {idle[0].number} {idle[0].name}: nothing reads it; {idle[0].number} in a from "
                        "or in outputs would be right")  # fmt: skip
    return tuple(found)


def check(tree: Mapping[str, Any], where: str) -> None:
    """UserError for keys that are unknown or hold something else."""
    if strange := sorted(set(tree) - KEYS, key=str):
        raise UserError(f"{where}: no key {strange[0]!r}; known: {', '.join(sorted(KEYS))}")
    if tree.get("input_channel", COLOURS) != COLOURS:
        raise UserError(f"{where}: input_channel {tree['input_channel']!r} given; images have {COLOURS}")
    if tree.get("padding", "centred") not in ("centred", "same"):
        raise UserError(f"{where}: padding {tree['padding']!r} given; centred or same would be right")
    for key in ("backbone", "head"):
        rows = tree.get(key, [] if key == "head" else None)
        if not isinstance(rows, list) or (key == "backbone" and not rows):
            raise UserError(f"{where}: {key} is no list of entries; {FORM} each would be right")


def multiple(tree: Mapping[str, Any], name: str, where: str) -> float:
    """A multiple of the file."""
    value = tree.get(name, 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 8:
        raise UserError(f"{where}: {name} {value!r} given; a number above 0 and up to 8 would be right")
    return float(value)


def outputs(tree: Mapping[str, Any], count: int, where: str = "model.network") -> tuple[int, ...]:
    """The numbers of the entries that come out, of `count`: the last one, unless `outputs` names others."""
    named = tree.get("outputs", [-1])
    wanted = named if isinstance(named, list) and named else [named]
    found = tuple(one + count if whole(one) and one < 0 else one for one in wanted)
    wrong = [one for one, number in zip(wanted, found, strict=True) if not whole(one) or not 0 <= number < count]
    if wrong or list(found) != sorted(set(found)):
        raise UserError(f"{where}: outputs {named!r} given; rising numbers of entries, of {count}, would be right")
    return found


def whole(value: object) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def entry(row: Any, before: Sequence[Entry], context: Context) -> Entry:
    """The entry that a row of the file describes."""
    number, where = len(before), f"{context.where}, entry {len(before)}"
    froms, repeat, name, given = parts(row, where)
    where = f"{where} {name}"
    sources = tuple(source(one, number, where) for one in froms)
    kind = KINDS[name]
    if len(sources) > 1 and not kind.many:
        raise UserError(f"{where}: reads {len(sources)} entries; one would be right")
    if repeat > 1 and kind.once:
        raise UserError(f"{where}: repeat {repeat} given; 1 would be right")
    module = argued(name, given, context.asked.classes, where).scaled(context.asked.width)
    count = max(round(repeat * context.asked.depth), 1) if repeat > 1 else repeat
    if count > MOST:
        raise UserError(f"{where}: {count} repeats asked for; at most {MOST} would be right")
    shapes = tuple(context.image if one < 0 else before[one].shape for one in sources)
    links = list[Link]()
    for one in module.repeated(count):
        links.append(link(one, shapes, replace(context, where=where)))
        shapes = (links[-1].outside,)
    return Entry(number, name, sources, tuple(links))


def link(module: Module, shapes: tuple[Shape, ...], context: Context) -> Link:
    """A module on maps of these shapes."""
    if isinstance(module, YamlModule):
        if not isinstance(module.tree, dict):
            raise UserError(f"{context.where}: {module.tree!r} was not read; a tree would be right")
        entries = inside(module.tree, context.asked, shapes[0], context.where)
        if outputs(module.tree, len(entries), context.where) != (len(entries) - 1,):
            raise UserError(f"{context.where}: a network of several outputs; one that ends in its last entry is right")
        return Link(module, shapes, entries[-1].shape, entries)
    try:
        return Link(module, shapes, module.shape(shapes), same=context.same)
    except ValueError as wrong:
        raise UserError(f"{context.where}: {wrong}") from None


def parts(row: Any, where: str) -> tuple[list[Any], int, str, dict[Any, Any]]:
    """From, repeat, module and arguments of a row, by place or by name."""
    rest, named = (row[:-1], row[-1]) if isinstance(row, list) and row and isinstance(row[-1], dict) else (row, {})
    if isinstance(rest, list) and len(rest) == 3 and isinstance(rest[1], str):
        rest = [-1, *rest]
    if not isinstance(rest, list) or len(rest) != 4 or not isinstance(rest[3], list):
        raise UserError(f"{where}: {row!r} given; {FORM} would be right")
    froms, repeat, name, arguments = rest
    if not whole(repeat) or repeat < 1:
        raise UserError(f"{where}: repeat {repeat!r} given; a whole number from 1 would be right")
    if not isinstance(name, str) or name not in KINDS:
        raise UserError(f"{where}: no module {name!r}; known: {', '.join(sorted(KINDS))}")
    fields = list(KINDS[name].model_fields)
    if len(arguments) > len(fields):
        known = ", ".join(fields) or "none"
        raise UserError(f"{where} {name}: {len(arguments)} arguments given; at most {len(fields)}: {known}")
    placed = dict(zip(fields, arguments, strict=False))
    if twice := [key for key in named if key in placed]:
        raise UserError(f"{where} {name}: {twice[0]} given twice, by its place and by its name")
    return froms if isinstance(froms, list) else [froms], repeat, name, {**placed, **named}


def source(given: Any, number: int, where: str) -> int:
    """The entry that a from-index of entry `number` means; -1 is the image."""
    found = number + given if whole(given) and given < 0 else given
    if not whole(given) or not -1 <= found < number:
        known = f"0 to {number - 1}, or -1 to {-number - 1}," if number else "-1, the image,"
        raise UserError(f"{where}: from {given!r} given; {known} would be right")
    return int(found)


def argued(name: str, given: Mapping[Any, Any], classes: int, where: str) -> Module:
    """A module with its arguments; the word classes becomes their count."""
    kind = KINDS[name]
    try:
        module = kind(**{str(key): value for key, value in given.items()})
    except ValidationError as wrong:
        raise UserError("; ".join(mistakes(wrong, kind, where))) from None
    return module.model_copy(update={"out": classes}) if getattr(module, "out", None) == CLASSES else module
