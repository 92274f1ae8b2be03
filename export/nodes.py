"""One ONNX node against a runtime's rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

from export.file import constant
from export.rules import Restriction, Rules

Broken = Iterator[tuple[str, str]]
_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
_INT32 = 2**31 - 1
QDQ = ("QuantizeLinear", "DequantizeLinear")


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
        constants |= {node.output[0]: one for node in nodes if (one := constant(node)) is not None}
        from_constant = [n for n in nodes if n.op_type == "DequantizeLinear" and {*n.input[:1]} & constants.keys()]
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

    def kind(self, name: str) -> str:
        """A constant's type as ONNX names it: INT8, FLOAT."""
        return TensorProto.DataType.Name(self.constants[name].data_type)

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
    standard = node.domain in ("", "ai.onnx")
    where = name if standard else f"{node.domain}.{name}"
    if name in rules.absent:
        yield f"{where} is not among the operators of {rules.name}", rules.absent[name]
    elif standard and name in rules.restricted:
        yield from _restricted(node, rules, tensors)
    elif name not in rules.plugins and not _taken(node, rules):
        hint = "write it with operators that are there, or move it behind the network"
        yield f"{where} is not among the operators of {rules.name}", hint


def _taken(node: NodeProto, rules: Rules) -> bool:
    """Whether a runtime has a node's operator: by its table; without one by domains, where it names them."""
    standard = node.domain in ("", "ai.onnx")
    if rules.operators:
        return standard and node.op_type in rules.operators
    known = onnx.defs.has(node.op_type) if standard else node.domain in rules.domains
    return known or not rules.domains


def risky(node: NodeProto, rules: Rules) -> Broken:
    """(what is known to go wrong, what to do instead) for a node that is taken."""
    caution = rules.cautions.get(node.op_type)
    if caution is not None and (rules.float16 or not caution.float16):
        yield f"{node.op_type}: {caution.rule}", caution.instead


def _restricted(node: NodeProto, rules: Rules, tensors: Tensors) -> Broken:
    inputs, rule = _inputs(node), rules.restricted[node.op_type]
    for name in _varying(inputs, rule, tensors):
        if inputs[name] not in tensors.dequantized:
            yield f"{node.op_type}: {name} must be an initializer", "fold it into a constant when exporting"
        elif rules.int8:  # else Q/DQ is refused as a whole
            yield f"{node.op_type}: {name} must be an initializer", "leave it in float when quantizing"
    for name in rule.zero_points:
        zero = tensors.array(inputs.get(name, ""))
        if zero is None or tensors.kind(inputs[name]) not in rules.zero_types or zero.any():
            yield f"{node.op_type}: {name} must be given, int8 and all 0", "quantize symmetrically to int8"
    for name in rule.positive:
        scale = tensors.array(inputs.get(name, ""))
        if scale is None or not (scale > 0).all():
            yield f"{node.op_type}: {name} must be a constant above 0", "calibrate on images with values"
    for name, limit in rule.below.items():
        given = tensors.array(inputs.get(name, ""))
        if given is not None and (given >= limit).any():
            yield f"{node.op_type}: {name} must be less than {limit}", "ask for fewer"
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
    given = {one.name: _plain(onnx.helper.get_attribute_value(one)) for one in node.attribute}
    for name, lengths in rule.lengths.items():
        if name in given and len(given[name]) not in lengths:
            yield (
                f"{node.op_type}: {name} of {' or '.join(map(str, lengths))} sizes only",
                "use a 2D or 3D form",
            )
    for name, values in rule.values.items():
        if name in given and given[name] not in values:
            yield f"{node.op_type}: {name} {given[name]} is not known", f"use {', '.join(map(str, values))}"
    for name in rule.ones:
        if any(one != 1 for one in given.get(name, ())):
            yield f"{node.op_type}: {name} must all be 1", "do without them"
    for name in rule.without:
        if name in given:
            yield f"{node.op_type}: {name} is not known", "write it another way"
    if rule.outputs is not None and sum(map(bool, node.output)) > rule.outputs:
        yield f"{node.op_type}: {rule.outputs} output at most", "do without the others"


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _inputs(node: NodeProto) -> dict[str, str]:
    """The given inputs by the names of ONNX's schema."""
    formal = onnx.defs.get_schema(node.op_type).inputs
    return {one.name: name for one, name in zip(formal, node.input, strict=False) if name}


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for one in node.attribute:
            for inner in ([one.g] if one.HasField("g") else []) + list(one.graphs):
                yield from _graphs(inner)
