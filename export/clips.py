"""Activations one behind the other become one: onnxruntime fuses the first into its convolution and runs the rest."""

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper

_LIMITS = (-np.inf, np.inf)


def merge_clips(model: ModelProto) -> None:
    """ReLU and Clip nodes in a row, in place: a single one with the bounds of all, the same function."""
    graph = model.graph
    while pair := _pair(graph):
        first, second = pair
        low, high = np.clip(_bounds(first, graph), *_bounds(second, graph))
        second.input[:] = [first.input[0]]
        second.op_type = "Relu" if (low, high) == (0, np.inf) else "Clip"
        if second.op_type == "Clip":
            second.input.extend(_held(graph, f"{second.output[0]}.{end}", value) for end, value in _ends(low, high))
        kept = [node for node in graph.node if node.output[0] != first.output[0]]
        del graph.node[:]
        graph.node.extend(kept)


def _pair(graph: GraphProto) -> tuple[NodeProto, NodeProto] | None:
    """Two activations of which the second alone reads the first."""
    known = {"", *_values(graph)}
    clips = [node for node in graph.node if node.op_type in ("Relu", "Clip") and set(node.input[1:]) <= known]
    results = {one.name for one in graph.output}
    for second in clips:
        for first in (one for one in clips if one.output[0] == second.input[0]):
            readers = sum(list(node.input).count(first.output[0]) for node in graph.node)
            if readers == 1 and first.output[0] not in results:
                return first, second
    return None


def _bounds(node: NodeProto, graph: GraphProto) -> tuple[float, float]:
    if node.op_type == "Relu":
        return 0.0, float(np.inf)
    names = [*node.input[1:], "", ""][:2]
    low, high = (float(_values(graph)[name]) if name else end for name, end in zip(names, _LIMITS, strict=True))
    return low, high


def _ends(low: float, high: float) -> list[tuple[str, float]]:
    return [("min", low), ("max", high)]


def _held(graph: GraphProto, name: str, value: float) -> str:
    """The name of a new constant; none for no bound."""
    if np.isinf(value):
        return ""
    graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    return name


def _values(graph: GraphProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer if not one.dims}
