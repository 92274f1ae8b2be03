"""Hard sigmoids and hard swishes: spelled so that runtimes know them, and left whole where a graph becomes int8."""

from collections.abc import Iterator

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

_SLOPE, _MIDDLE = 1 / 6, 0.5  # of torch's hard sigmoid (Howard 2019, section 5.2); ONNX has 0.2 for a default


def spell_gates(model: ModelProto) -> None:
    """Every hard sigmoid x → clip(x + 3, 0, 6) / 6, in place: OpenVINO 2026 knows the three nodes, with the product
    behind them, as one activation of a convolution, and runs a HardSigmoid node by itself, unvectorised."""
    graph, nodes = model.graph, list[NodeProto]()
    for node in graph.node:
        nodes.extend(_spelled(node, graph) if _is_hard(node) else [node])
    del graph.node[:]
    graph.node.extend(nodes)


def gates(graph: GraphProto) -> list[str]:
    """The nodes of every spelled hard sigmoid, and the product that makes it a hard swish: what int8 leaves whole.

    Rounded are what goes in, so that the convolution before runs in int8, and what comes out.
    """
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer if not one.dims}
    makers = {name: node for node in graph.node for name in node.output}
    found = []
    for last in graph.node:
        if (source := _source(last, makers, values)) is not None:
            add, clip = makers[makers[last.input[0]].input[0]], makers[last.input[0]]
            swish = [node for node in graph.node if set(node.input) == {source, last.output[0]}]
            found += [node.name for node in (add, clip, last, *swish) if node.op_type in ("Add", "Clip", "Mul")]
    return found


def _is_hard(node: NodeProto) -> bool:
    given = {one.name: one.f for one in node.attribute}
    slope, middle = given.get("alpha", 0.2), given.get("beta", 0.5)
    return node.op_type == "HardSigmoid" and np.allclose((slope, middle), (_SLOPE, _MIDDLE))


def _spelled(node: NodeProto, graph: GraphProto) -> Iterator[NodeProto]:
    """Add, Clip, Mul; the last keeps the name and the output."""
    result, scope = node.output[0], node.name.rpartition("/")[0]
    for name, value in (("three", 3.0), ("low", 0.0), ("six", 6.0), ("sixth", _SLOPE)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), f"{result}.{name}"))
    moved, cut = f"{result}.moved", f"{result}.cut"
    yield helper.make_node("Add", [node.input[0], f"{result}.three"], [moved], f"{scope}/Add")
    yield helper.make_node("Clip", [moved, f"{result}.low", f"{result}.six"], [cut], f"{scope}/Clip")
    yield helper.make_node("Mul", [cut, f"{result}.sixth"], [result], node.name)


def _source(last: NodeProto, makers: dict[str, NodeProto], values: dict[str, np.ndarray]) -> str | None:
    """What goes into the hard sigmoid that ends in `last`; None where none does."""

    def takes(node: NodeProto | None, kind: str, *numbers: float) -> bool:
        if node is None or node.op_type != kind or len(node.input) != 1 + len(numbers):
            return False
        given = [values.get(name) for name in node.input[1:]]
        return all(value is not None and np.isclose(value, right) for value, right in zip(given, numbers, strict=True))

    clip = makers.get(last.input[0]) if last.input else None
    add = makers.get(clip.input[0]) if clip is not None and clip.input else None
    if takes(last, "Mul", _SLOPE) and takes(clip, "Clip", 0, 6) and takes(add, "Add", 3):
        return str(add.input[0]) if add is not None else None
    return None
