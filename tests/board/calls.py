"""Which names of TensorRT the board's files use, branch by branch, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

# What each variable of building.py and engine.py holds, in TensorRT's words.
HOLDS = {
    "trt": "",
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "config": "IBuilderConfig",
    "made": "ITimingCache",
    "engine": "ICudaEngine",
    "self.engine": "ICudaEngine",
    "self.runtime": "Runtime",
    "self.context": "IExecutionContext",
    "flags": "NetworkDefinitionCreationFlag",
    "trt.Logger": "Logger",
    "trt.BuilderFlag": "BuilderFlag",
    "trt.TensorIOMode": "TensorIOMode",
    "trt.MemoryPoolType": "MemoryPoolType",
    "trt.NetworkDefinitionCreationFlag": "NetworkDefinitionCreationFlag",
    "parser.get_error(place)": "ParserError",
    "network.get_output(place)": "ITensor",
}
BESIDE = {  # put on by the package's own Python, not by the extension
    ("", "__version__"),
}
# Reached only where `known`, or `typed`, has asked for them with hasattr.
ASKED = {("BuilderFlag", "TF32"), ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED")}
Has = Callable[[str, str], bool]


def used(file: Path, has: Has) -> set[tuple[str, str]]:
    """(class, name) of everything that the file touches where `has` answers its hasattr; "" is the module."""
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    return {pair for one in functions for node in one.body for pair in touched(node, has)} - BESIDE - ASKED


def touched(node: ast.AST, has: Has) -> Iterator[tuple[str, str]]:
    """The same below one node; of an `if hasattr(…)` only the branch that is taken."""
    if isinstance(node, ast.If) and (asked := question(node.test)):
        for one in node.body if has(*asked) else node.orelse:
            yield from touched(one, has)
        return
    if isinstance(node, ast.Attribute) and (kind := HOLDS.get(ast.unparse(node.value))) is not None:
        yield kind, node.attr
    for child in ast.iter_child_nodes(node):
        yield from touched(child, has)


def question(test: ast.expr) -> tuple[str, str] | None:
    """(class, name) of a plain `hasattr(variable, "name")`."""
    if (
        not isinstance(test, ast.Call)
        or ast.unparse(test.func) != "hasattr"
        or not isinstance(test.args[1], ast.Constant)
    ):
        return None
    return HOLDS[ast.unparse(test.args[0])], str(test.args[1].value)
