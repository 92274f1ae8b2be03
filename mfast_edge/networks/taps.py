"""A network in YAML as a detector's backbone: the maps that come out. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfast_edge.errors import UserError
from mfast_edge.networks import grammar
from mfast_edge.networks.grammar import CLASSES, Asked, Entry

CLASSIFYING = ("GlobalAvgPool", "Flatten", "Linear")  # where a classifier's own entries begin
LAST = 2  # maps of a classifier: at strides 16 and 32, mostly


def taps(tree: Mapping[str, Any], asked: Asked, where: str = "model.network") -> tuple[tuple[Entry, ...], list[int]]:
    """The entries of a backbone and the numbers of those that come out, the largest map first.

    They are `outputs` where the tree names them; of a classifier the last maps of its last two sides, without what
    classifies. UserError: none is a map.
    """
    if "outputs" in tree:
        entries = grammar.parse(tree, asked, where)
        found = list(grammar.outputs(tree, len(entries), where))
    else:
        entries = grammar.parse(below(tree, where), asked, where)
        found = ends(entries)
    if flat := [number for number in found if not entries[number].shape.side]:
        raise UserError(f"{where}: entry {flat[0]} makes a vector; outputs that are maps would be right")
    return entries, sorted(found, key=lambda number: -entries[number].shape.side)


def below(tree: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The tree without what classifies."""
    grammar.check(tree, where)
    rows = [*tree["backbone"], *tree.get("head", [])]
    first = next((place for place, row in enumerate(rows) if classifies(row)), len(rows))
    if not first:
        raise UserError(f"{where}: entry 0 classifies; a network with maps before that would be right")
    return {**{key: value for key, value in tree.items() if key != "head"}, "backbone": rows[:first]}


def classifies(row: Any) -> bool:
    """Whether a row is a classifier's own."""
    words = row if isinstance(row, list) else []
    inner = [value for part in words if isinstance(part, list | dict) for value in values(part)]
    return any(word in CLASSIFYING for word in words if isinstance(word, str)) or CLASSES in inner


def values(part: Any) -> list[Any]:
    """What a list or a mapping holds."""
    return list(part.values()) if isinstance(part, dict) else part


def ends(entries: Sequence[Entry]) -> list[int]:
    """The last entry of each of the last sides."""
    last = {entry.shape.side: entry.number for entry in entries}
    return sorted(last.values())[-LAST:]
