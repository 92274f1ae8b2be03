"""What a runtime would refuse in an ONNX file, and what it would take and get wrong; `python -m mfast_edge.doctor`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from export.file import load, opset
from export.finding import Finding
from export.nodes import QDQ, Tensors, broken, risky, walk
from export.rules import Rules, load_rules

__all__ = ["Finding", "Rules", "Summary", "cramped", "lint", "load_rules", "summary"]

_WEIGHTS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16, TensorProto.INT8}

Said = Iterator[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file is: versions, number of nodes, of each operator, of Q/DQ nodes; weights beside the file."""

    opset: int
    ir: int
    nodes: int
    operators: dict[str, int]
    qdq: int
    external_data: bool


def lint(graph_path: Path, rules: Rules) -> list[Finding]:
    """Everything in the ONNX file that `rules` refuse, then the risks; empty where it would run. Raises Unreadable."""
    model = load(graph_path)
    found = [*_versions(model, rules), *_form(model, rules), *_nodes(model, rules)]
    refused = [Finding(node, rule, rules.source, instead) for node, rule, instead in found]
    return refused + [Finding(node, rule, rules.source, instead, True) for node, rule, instead in _risks(model, rules)]


def cramped(graph_path: Path, rules: Rules, memory_gb: float) -> list[Finding]:
    """A finding where building an engine of the ONNX file is estimated to take more GB than there are."""
    if rules.memory is None:
        return []
    sizes = (one for one in load(graph_path).graph.initializer if one.data_type in _WEIGHTS)
    wanted = rules.memory.gb(sum(int(np.prod(one.dims)) for one in sizes))
    if wanted <= memory_gb:
        return []
    rule = f"building takes about {wanted:.1f} GB, the device has {memory_gb:g} ({rules.memory.told(rules.name)})"
    instead = "add swap, take 256 MB of workspace, build without a desktop; or fewer weights"
    return [Finding("graph", rule, rules.memory.source, instead, True)]


def summary(graph_path: Path) -> Summary:
    """What the ONNX file is. Raises Unreadable."""
    model = load(graph_path)
    operators = Counter(node.op_type for node in walk(model.graph))
    return Summary(
        opset(model),
        model.ir_version,
        operators.total(),
        dict(sorted(operators.items())),
        sum(operators[name] for name in QDQ),
        _external(model),
    )


def _versions(model: onnx.ModelProto, rules: Rules) -> Said:
    if (own := opset(model)) > rules.opset:
        yield "graph", f"opset {own}, {rules.opset} at most", f"export again with opset {rules.opset}"
    if own < rules.oldest:
        yield "graph", f"opset {own}, {rules.oldest} at least", f"export again with opset {rules.oldest} or more"
    if rules.ir is not None and model.ir_version > rules.ir:
        yield "graph", f"IR version {model.ir_version}, {rules.ir} at most", "save it with an older onnx package"


def _form(model: onnx.ModelProto, rules: Rules) -> Said:
    if not rules.external_data and _external(model):
        yield "graph", "weights lie outside the file", "save all in one file: onnx.save(onnx.load(path), path)"
    constants = {one.name for one in model.graph.initializer}
    for one in (one for one in model.graph.input if one.name not in constants):
        kind = TensorProto.DataType.Name(one.type.tensor_type.elem_type)
        if not rules.dynamic_shapes and _dynamic(one):
            yield one.name, "its shape is dynamic", "export with every size fixed, batch included"
        if rules.input_types and kind not in rules.input_types:
            yield one.name, f"{kind} is not among the types of {rules.name}", "float32, cast before the network"
    quantized = [node for node in walk(model.graph) if node.op_type in QDQ]
    if quantized and not rules.int8:
        yield (
            _name(quantized[0]),
            f"{len(quantized)} Q/DQ nodes, on hardware without int8",
            "deploy the float graph, in fp16 where the hardware has it",
        )


def _dynamic(one: onnx.ValueInfoProto) -> bool:
    kind = one.type.tensor_type
    return not kind.HasField("shape") or not all(size.dim_value > 0 for size in kind.shape.dim)


def _nodes(model: onnx.ModelProto, rules: Rules) -> Said:
    tensors, own = Tensors.of(model.graph), {one.domain for one in model.functions}
    for node in walk(model.graph):
        if (not rules.operators and node.domain in own) or (not rules.int8 and node.op_type in QDQ):
            continue  # its own function; refused as a whole
        for rule, instead in broken(node, rules, tensors):
            yield _name(node), rule, instead
    if not rules.wide_int64:
        for name in tensors.wide():
            yield name, "int64 values beyond int32", "keep integers within 2147483647"


def _risks(model: onnx.ModelProto, rules: Rules) -> Said:
    for node in walk(model.graph):
        for rule, instead in risky(node, rules):
            yield _name(node), rule, instead


def _name(node: onnx.NodeProto) -> str:
    return node.name or next(filter(None, node.output), node.op_type)


def _external(model: onnx.ModelProto) -> bool:
    return any(one.data_location == TensorProto.EXTERNAL for one in model.graph.initializer)
