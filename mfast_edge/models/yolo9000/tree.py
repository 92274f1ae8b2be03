"""A tree of classes (WordTree, Redmon 2017, section 4): read from YAML, as rows of names and parents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mfast_edge.settings import load

Node = tuple[str, int]  # name, row of its parent; -1 for those at the top
Nested = dict[str, Any] | list[Any] | None
LONGEST = 20  # levels


def read(file: Path) -> tuple[Node, ...]:
    """The tree of a YAML file of nested names: `animal: {dog: [terrier, beagle], cat: }`. UserError: no such thing."""
    return rows(load(file, "model.tree"))


def rows(nested: Nested) -> tuple[Node, ...]:
    """Every node once, level by level, those with the same parent one after the other. ValueError: it is no tree."""
    found: list[Node] = []
    level: list[tuple[int, Nested]] = [(-1, nested)]
    for _ in range(LONGEST):
        below: list[tuple[int, Nested]] = []
        for parent, inside in level:
            for name, children in named(inside):
                below.append((len(found), children))
                found.append((name, parent))
        level = below
    check(found)
    return tuple(found)


def named(nested: Nested) -> Iterator[tuple[str, Nested]]:
    """Names and what is below them. ValueError: neither a mapping nor a list of names."""
    for name in nested or ():
        below = nested[name] if isinstance(nested, dict) else None
        if not isinstance(name, str) or not isinstance(below, dict | list | None):
            raise ValueError(f"{name!r}: {below!r} in the tree; a name, and names below it or nothing, would be right")
        yield name, below


def check(found: Sequence[Node]) -> None:
    """ValueError where a name stands twice or parents do not come first, group after group."""
    names = [name for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]!r} stands twice in the tree; each name once would be right")
    parents = [parent for _, parent in found]
    if not found or parents != sorted(parents) or any(not -1 <= parent < row for row, parent in enumerate(parents)):
        raise ValueError("no tree; parents before their children, those of one parent together, would be right")


def placed(tree: Sequence[Node], classes: Sequence[str]) -> list[int]:
    """The row of each class. ValueError names a class that is not in the tree."""
    known = {name: row for row, (name, _) in enumerate(tree)}
    if lacking := [name for name in classes if name not in known]:
        raise ValueError(
            f"tree: no {lacking[0]!r} in it; all classes of the data, {', '.join(classes)}, would be right"
        )
    return [known[name] for name in classes]
