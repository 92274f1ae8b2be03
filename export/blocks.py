"""A graph's blocks: what a user would name, `backbone.block7`, `heads.1`, and the nodes that each is made of."""

from collections.abc import Iterable
from pathlib import Path

import onnx

from export.errors import ExportError


def blocks(source: Path) -> dict[str, tuple[str, ...]]:
    """Block → names of its nodes, both in the graph's order; only blocks with weights, by the module paths."""
    found: dict[str, list[str]] = {}
    weighted = set()
    graph = onnx.load(source, load_external_data=False).graph
    constants = {one.name for one in graph.initializer}
    for node in graph.node:
        name = block(node.name)
        if name:
            found.setdefault(name, []).append(node.name)
            if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul") and node.input[1] in constants:
                weighted.add(name)
    return {name: tuple(nodes) for name, nodes in found.items() if name in weighted}


def block(node: str) -> str:
    """`backbone.block7.pointwise.conv/Conv` is in backbone.block7: the path up to its first number."""
    parts = node.rpartition("/")[0].split(".")
    numbered = next((place for place, part in enumerate(parts) if any(map(str.isdigit, part))), len(parts) - 1)
    return ".".join(parts[: numbered + 1])


def nodes(source: Path, names: Iterable[str]) -> tuple[str, ...]:
    """The nodes of the blocks called `names`. Raises ExportError, naming the known ones, where there is none."""
    known = blocks(source)
    strange = [name for name in names if name not in known]
    if strange:
        raise ExportError(f"no block is called {strange[0]!r}; known: {', '.join(known)}")
    return tuple(node for name in names for node in known[name])
