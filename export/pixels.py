"""Normalisation as arithmetic: the range of a graph's pixels, and a graph that takes them as uint8."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from export.errors import ExportError

_STEPS: dict[str, Callable[[float, float, float], tuple[float, float]]] = {
    "Add": lambda scale, shift, by: (scale, shift + by),
    "Sub": lambda scale, shift, by: (scale, shift - by),
    "Mul": lambda scale, shift, by: (scale * by, shift * by),
    "Div": lambda scale, shift, by: (scale / by, shift / by),
}


class Normalised(NamedTuple):
    """The tensor that holds scale * pixel + shift, and the nodes that make it."""

    tensor: str
    nodes: list[NodeProto]
    scale: float
    shift: float


def pixel_ranges(model: ModelProto) -> dict[str, tuple[float, float]]:
    """{the normalised tensor: its values at pixels 0 and 255}; 256 levels over them lose nothing of a photo."""
    found = _normalised(model.graph)
    ends = (found.shift, 255 * found.scale + found.shift)
    return {found.tensor: (min(ends), max(ends))}


def normalising(model: ModelProto) -> list[str]:
    """The names of the nodes that turn pixels into the normalised image."""
    return [node.name for node in _normalised(model.graph).nodes]


def takers(model: ModelProto) -> set[str]:
    """The names of the nodes that the normalised image goes into."""
    tensor = _normalised(model.graph).tensor
    return {node.name for node in model.graph.node if tensor in node.input}


def take_bytes(model: ModelProto) -> None:
    """Rewrite an int8 graph in place to take a photo's bytes (1, H, W, 3): the first quantizer disappears.

    The bytes are the quantized tensor then, of scale 1/128 and zero point 128 for (x - 128) / 128, and what they
    stand for is turned to (1, 3, H, W). Behind the DequantizeLinear, not before it: there both runtimes see that
    the convolution wants bytes in just that order.
    Raises ExportError where the first quantizer does anything else to a pixel than to hand it on.
    """
    graph, found = model.graph, _normalised(model.graph)
    image = graph.input[0]
    users = [node for node in graph.node if found.tensor in node.input]
    if [node.op_type for node in users] != ["QuantizeLinear"] or not _hands_on(users[0], found, graph):
        raise ExportError(
            f"{image.name}: its quantizer changes pixels, so they cannot come as uint8; calibrate the range of "
            f"pixels 0..255 with uint8 activations, or let them come as float32"
        )
    gone = {node.output[0] for node in (*found.nodes, users[0])}
    kept = [node for node in graph.node if node.output[0] not in gone]
    del graph.node[:]
    for node in kept:
        reads = users[0].output[0] in node.input
        node.input[:] = [image.name if name == users[0].output[0] else name for name in node.input]
        graph.node.append(node)
        if reads:
            graph.node.append(_turned(graph.node[-1]))
    _, channels, height, width = (size.dim_value for size in image.type.tensor_type.shape.dim)
    shape = (1, height, width, channels)
    image.CopyFrom(onnx.helper.make_tensor_value_info(image.name, TensorProto.UINT8, shape))


def taken(image: np.ndarray, kind: str) -> np.ndarray:
    """A float32 image (1, 3, H, W) of whole pixels 0..255 as a graph takes it whose pixels are of `kind`."""
    return np.ascontiguousarray(image.astype(np.uint8).transpose(0, 2, 3, 1)) if kind == "uint8" else image


def _turned(node: NodeProto) -> NodeProto:
    """The Transpose that gives out what `node` gave out, (1, H, W, 3) before."""
    name = node.output[0]
    node.output[0] = f"{name}/bytes"
    return onnx.helper.make_node("Transpose", [node.output[0]], [name], f"{name}/Transpose", perm=[0, 3, 1, 2])


def _normalised(graph: GraphProto) -> Normalised:
    """From the input on through what adds or multiplies one number."""
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer if not one.dims}
    tensor, scale, shift, nodes = graph.input[0].name, 1.0, 0.0, []
    while len(users := [node for node in graph.node if tensor in node.input]) == 1:
        node = users[0]
        if node.op_type not in _STEPS or node.input[0] != tensor or node.input[1] not in values:
            break
        scale, shift = _STEPS[node.op_type](scale, shift, float(values[node.input[1]]))
        nodes.append(node)
        tensor = node.output[0]
    return Normalised(tensor, nodes, scale, shift)


def _hands_on(quantizer: NodeProto, found: Normalised, graph: GraphProto) -> bool:
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    scale, zero = values[quantizer.input[1]], values[quantizer.input[2]]
    pixels = np.arange(256)
    levels = np.round((found.scale * pixels + found.shift) / scale.astype(np.float64)) + zero
    return zero.dtype == np.uint8 and np.array_equal(levels, pixels)


def pixels(model: ModelProto) -> str:
    """The type of the graph's pixels: float32 or uint8."""
    return str(onnx.helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type))
