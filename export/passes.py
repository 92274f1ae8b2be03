"""Rewrites that leave an exported graph with convolutions and little else, in the order they run."""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper

from export.clips import merge_clips
from export.gates import spell_gates
from export.sessions import outputs


def clean(model: ModelProto) -> None:
    """Fold, drop and rename in place; afterwards shapes are inferred and the bytes repeatable."""
    for rewrite in (
        fold_constants,
        skip_nothings,
        merge_clips,
        spell_gates,
        fold_pads,
        rename,
        drop_unused,
        scrub,
        infer,
    ):
        rewrite(model)


def fold_constants(model: ModelProto) -> None:
    """Whatever does not depend on the image's values becomes an initializer, computed once by onnxruntime."""
    graph = model.graph
    known = {one.name for one in graph.initializer}
    kept, folded = [], set()
    for node in graph.node:
        if node.op_type in ("Shape", "Size") or all(not name or name in known for name in node.input):
            folded.update(node.output)
            known.update(node.output)
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input} | {one.name for one in graph.output}
    graph.initializer.extend(_evaluate(model, sorted(used & folded)))
    _replace(graph, kept)


def skip_nothings(model: ModelProto) -> None:
    """Nodes that hand on their first input unchanged disappear."""
    for node in [one for one in model.graph.node if _is_nothing(one, _values(model.graph))]:
        _skip(model.graph, node)


def fold_pads(model: ModelProto) -> None:
    """Zero padding in front of convolutions, asymmetric too, moves into their `pads`."""
    graph = model.graph
    values = _values(graph)
    for pad in [one for one in graph.node if one.op_type == "Pad"]:
        users = [one for one in graph.node if pad.output[0] in one.input]
        sides = _zeros(pad, values)
        if sides is None or not users or not all(_can_pad(user, pad.output[0]) for user in users):
            continue
        for user in users:
            _widen(user, sides)
        _skip(graph, pad)


def rename(model: ModelProto) -> None:
    """A node is named module.path/Op, its output like it, a constant node.input: `features.0/Conv.W`."""
    graph = model.graph
    fixed = {one.name for one in (*graph.input, *graph.output)}
    names = {name: name for name in fixed}
    constants = {one.name: one for one in graph.initializer}
    for node in graph.node:
        node.name = _path(node.name)
        for place, name in enumerate(node.input):
            if name in constants:
                names.setdefault(name, f"{node.name}.{_formal(node, place)}")
        for place, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}.{place}" if place else node.name)
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for name, one in constants.items():
        one.name = names.get(name, name)


def drop_unused(model: ModelProto) -> None:
    """Initializers that nothing reads go; the others stand in the order of their use."""
    graph = model.graph
    order = [name for node in graph.node for name in node.input] + [one.name for one in graph.output]
    values = {one.name: one for one in graph.initializer}
    kept = [values[name] for name in dict.fromkeys(order) if name in values]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def scrub(model: ModelProto) -> None:
    """Nothing of the machine, the source files or the moment stays in the file."""
    model.doc_string = model.graph.doc_string = ""
    model.graph.name = "graph"
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


def infer(model: ModelProto) -> None:
    """Every tensor's type and size is written down."""
    graph = model.graph
    del graph.value_info[:]
    for one in graph.output:
        one.type.tensor_type.ClearField("shape")
    model.CopyFrom(onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True))


def _evaluate(model: ModelProto, names: list[str]) -> list[onnx.TensorProto]:
    if not names:
        return []
    probe = ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    sizes = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim]
    found = outputs(probe, np.zeros(sizes, np.float32))
    return [numpy_helper.from_array(value, name) for name, value in zip(names, found, strict=True)]


def _values(graph: GraphProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer}


def _replace(graph: GraphProto, nodes: Iterable[NodeProto]) -> None:
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)


def _is_nothing(node: NodeProto, values: dict[str, np.ndarray]) -> bool:
    if node.op_type == "Pad":
        return len(node.input) < 4 and not values.get(node.input[1], np.ones(1)).any()
    return node.op_type == "Identity" or (node.op_type == "Concat" and len(node.input) == 1)


def _skip(graph: GraphProto, node: NodeProto) -> None:
    """Take out `node`; a graph's output keeps its name, given to whatever now makes it."""
    source, result = node.input[0], node.output[0]
    if result in {one.name for one in graph.output}:
        if not any(source in one.output for one in graph.node):
            return
        source, result = result, source
    _replace(graph, [one for one in graph.node if one.output[0] != node.output[0]])
    for one in graph.node:
        one.input[:] = [source if name == result else name for name in one.input]
        one.output[:] = [source if name == result else name for name in one.output]


def _zeros(pad: NodeProto, values: dict[str, np.ndarray]) -> np.ndarray | None:
    """(2, spatial) rows and columns of zeros before and after; None where it is any other padding."""
    modes = [one.s for one in pad.attribute if one.name == "mode"]
    fill = values.get(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
    amounts = values.get(pad.input[1])
    if len(pad.input) > 3 or modes not in ([], [b"constant"]) or fill is None or fill.any() or amounts is None:
        return None
    sides = amounts.reshape(2, -1)
    return None if sides[:, :2].any() or (sides < 0).any() else sides[:, 2:]


def _can_pad(node: NodeProto, name: str) -> bool:
    automatic = [one.s for one in node.attribute if one.name == "auto_pad"]
    return node.op_type == "Conv" and node.input[0] == name and automatic in ([], [b"NOTSET"])


def _widen(conv: NodeProto, sides: np.ndarray) -> None:
    old = next((list(one.ints) for one in conv.attribute if one.name == "pads"), [0] * sides.size)
    others = [one for one in conv.attribute if one.name != "pads"]
    new = onnx.helper.make_attribute("pads", [int(size) for size in np.array(old) + sides.ravel()])
    del conv.attribute[:]
    conv.attribute.extend(sorted([*others, new], key=lambda one: one.name))


def _path(scope: str) -> str:
    """`/body/body.0/body.0.1/Conv_2` of the exporter as `body.0.1/Conv_2`."""
    *modules, op = scope.strip("/").split("/")
    path: list[str] = []
    for module in modules:
        if path and module.startswith(path[-1] + "."):
            path.pop()
        path.append(module)
    return "/".join([".".join(path), op]) if path else op


def _formal(node: NodeProto, place: int) -> str:
    formal = onnx.defs.get_schema(node.op_type).inputs
    return str(formal[place].name) if place < len(formal) else f"{formal[-1].name}{place}"
