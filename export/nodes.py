"""One ONNX node against a runtime's rules."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

from export.rules import Restriction, Rules

Broken = Iterator[tuple[str, str]]
_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Tensors:
    """A graph's constants, what is dequantized from one, types written down, operators that read each."""

    constants: dict[str, TensorProto]
    dequantized: set[str]
    types: dict[str, int]
    readers: dict[str, set[str]]

    @classmethod
    def of(cls, graph: GraphProto) -> "Tensors":
        nodes = list(walk(graph))
        constants = {one.name: one for part in _graphs(graph) for one in part.initializer}
        constants |= {node.output[0]: one for node in nodes if (one := _constant(node)) is not None}
        from_constant = [n for n in nodes if n.op_type == "DequantizeLinear" and n.input[0] in constants]
        types = {one.name: one.type.tensor_type.elem_type for one in (*graph.input, *graph.value_info)}
        types |= {name: one.data_type for name, one in constants.items()}
        readers: dict[str, set[str]] = {}
        for node in nodes:
            for name in node.input:
                readers.setdefault(name, set()).add(node.op_type)
        return cls(constants, {node.output[0] for node in from_constant}, types, readers)

    def array(self, name: str) -> np.ndarray | None:
        """A constant's values; None where it is none, or lies outside the file."""
        one = self.constants.get(name)
        if one is None or one.data_location == TensorProto.EXTERNAL:
            return None
        return numpy_helper.to_array(one)

    def wide(self) -> Iterator[str]:
        """Constants with values beyond int32; a Slice that ends at the largest int64 is cut harmlessly."""
        for name, one in self.constants.items():
            if one.data_type != TensorProto.INT64 or self.readers.get(name) == {"Slice"}:
                continue
            values = self.array(name)
            if values is not None and (np.abs(values.astype(np.float64)) > _INT32).any():
                yield name


def walk(graph: GraphProto) -> Iterator[NodeProto]:
    """Every node, those inside branches and loops too."""
    for part in _graphs(graph):
        yield from part.node


def broken(node: NodeProto, rules: Rules, tensors: Tensors) -> Broken:
    """(rule, what to do instead) for each rule that the node breaks."""
    name = node.op_type
    if not rules.operators or name in rules.plugins:
        return
    standard = node.domain in ("", "ai.onnx")
    if standard and name in rules.restricted:
        yield from _restricted(node, rules.restricted[name], tensors)
    elif not standard or name not in rules.operators:
        where = f"{node.domain}.{name}" if not standard else name
        hint = rules.absent.get(name, "write it with operators that are there, or move it behind the network")
        yield f"{where} is not among the operators of {rules.name}", hint


def _restricted(node: NodeProto, rule: Restriction, tensors: Tensors) -> Broken:
    inputs = _inputs(node)
    for name in _varying(inputs, rule, tensors):
        yield f"{node.op_type}: {name} must be an initializer", "fold it into a constant when exporting"
    for name in rule.zero_points:
        zero = tensors.array(inputs.get(name, ""))
        if zero is None or zero.dtype != np.int8 or zero.any():
            yield f"{node.op_type}: {name} must be given, int8 and all 0", "quantize symmetrically to int8"
    for name in rule.positive:
        scale = tensors.array(inputs.get(name, ""))
        if scale is None or not (scale > 0).all():
            yield f"{node.op_type}: {name} must be a constant above 0", "calibrate on images with values"
    yield from _attributes(node, rule)


def _varying(inputs: dict[str, str], rule: Restriction, tensors: Tensors) -> Iterator[str]:
    """Inputs that are there, and must be constants, and are none."""
    for name, tensor in inputs.items():
        bound = name in rule.initializers or name in rule.weights
        bound = bound or (name in rule.float_initializers and tensors.types.get(tensor) in _FLOATS)
        dressed = name in rule.weights and tensor in tensors.dequantized
        if bound and tensor not in tensors.constants and not dressed:
            yield name


def _attributes(node: NodeProto, rule: Restriction) -> Broken:
    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    for name, lengths in rule.lengths.items():
        if name in given and len(given[name]) not in lengths:
            yield (
                f"{node.op_type}: {name} of {' or '.join(map(str, lengths))} sizes only",
                "use a 2D or 3D form",
            )
    for name, values in rule.values.items():
        if name in given and given[name].decode() not in values:
            yield f"{node.op_type}: {name} {given[name].decode()} is not known", f"use {', '.join(values)}"
    if rule.outputs is not None and sum(map(bool, node.output)) > rule.outputs:
        yield f"{node.op_type}: {rule.outputs} output at most", "do without the others"


def _inputs(node: NodeProto) -> dict[str, str]:
    """The given inputs by the names of ONNX's schema."""
    formal = onnx.defs.get_schema(node.op_type).inputs
    return {one.name: name for one, name in zip(formal, node.input, strict=False) if name}


def _constant(node: NodeProto) -> TensorProto | None:
    values = [one.t for one in node.attribute if one.name == "value"]
    return values[0] if node.op_type == "Constant" and values else None


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for one in node.attribute:
            for inner in ([one.g] if one.HasField("g") else []) + list(one.graphs):
                yield from _graphs(inner)
