"""YAML files of networks as trees that need no other file. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfast_edge.errors import UserError
from mfast_edge.settings import load, named

DEEP = 8  # files inside one another
INNER = "YamlModule"


def read(name: str, where: str = "model.network") -> dict[str, Any]:
    """The tree of configs/networks/NAME.yaml or of a YAML file, called as given, and with the trees of the files that
    its YamlModules name, which lie beside it. UserError: one is not there or holds itself."""
    home = Path(name).parent if name.endswith((".yaml", ".yml")) else None
    return filled({**named("networks", name, where), "name": name}, home, where, 0)


def opened(given: Any, default: str) -> Any:
    """What a build's `network` is, given by name, path or tree: the tree; anything else as it is, to be refused."""
    asked = given.get("network", default) if isinstance(given, dict) else None
    return read(asked) if isinstance(asked, str) else asked


def filled(tree: dict[str, Any], home: Path | None, where: str, depth: int) -> dict[str, Any]:
    """The tree with those of the files that it names."""
    if depth > DEEP:
        raise UserError(f"{where}: more than {DEEP} files inside one another; one seems to hold itself")
    found = dict(tree)
    for key in ("backbone", "head"):
        if isinstance(tree.get(key), list):
            found[key] = [row(one, home, where, depth) for one in tree[key]]
    return found


def row(given: Any, home: Path | None, where: str, depth: int) -> Any:
    """An entry, a YamlModule's path replaced by the tree in the file, and so in a tree that stands there itself."""
    if not isinstance(given, list) or INNER not in given[:3]:
        return given
    place = given.index(INNER) + 1
    arguments = given[place] if place < len(given) else None
    if not isinstance(arguments, list) or not arguments or not isinstance(arguments[0], str | dict):
        return given
    path = arguments[0]
    if isinstance(path, dict):
        return [*given[:place], [filled(path, home, where, depth + 1), *arguments[1:]], *given[place + 1 :]]
    if path.endswith((".yaml", ".yml")) and home is not None:
        inner, below = load(home / path, where), (home / path).parent
    else:
        inner, below = named("networks", path, where), home or Path()
    tree = filled({key: value for key, value in inner.items() if key != "name"}, below, where, depth + 1)
    return [*given[:place], [tree, *arguments[1:]], *given[place + 1 :]]
