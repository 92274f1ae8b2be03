"""What a graph multiplies."""

from math import prod
from pathlib import Path

import onnx


def macs(path: Path) -> int:
    """Multiply-adds of one image in a graph's convolutions and linear layers, float or Q/DQ."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True).graph
    weights = {one.name: tuple(one.dims) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
    sizes = {one.name: [size.dim_value for size in one.type.tensor_type.shape.dim] for one in known(graph)}
    return sum(
        prod(weights[node.input[1]]) * places(node, sizes)
        for node in graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in weights
    )


def places(node: onnx.NodeProto, sizes: dict[str, list[int]]) -> int:
    """How often the whole weights are multiplied: once for each cell of a map, once for each row."""
    shape = sizes[node.output[0]]
    return prod(shape[2:]) if node.op_type == "Conv" else prod(shape[:-1])


def known(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Every value whose shape is written down."""
    return [*graph.value_info, *graph.output]
