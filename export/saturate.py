"""What an x86 CPU without VNNI makes of an int8 graph: pairs of products summed in 16 bits that saturate.

Such a CPU multiplies with vpmaddubsw: two unsigned times two signed bytes, their sum cut to int16, before
anything is summed in 32 bits. In onnxruntime's kernels for AVX2 and AVX-512 (mlas/lib/amd64, ConvSymKernelAvx2
and QgemmU8S8KernelAvx2) the pairs are neighbouring input channels at one place of the kernel, and depthwise
convolutions, whose products are widened first, do not saturate. OpenVINO's kernels for such CPUs use the same
instruction; their order is not emulated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, numpy_helper

from export.errors import Unreadable
from export.pixels import pixels
from export.sessions import Outputs, Session
from export.word16 import Matrix, Tally

Values = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer on bytes: where they come from, weights as (outputs, inputs) in the kernel's order, scales, bias.

    `turned`: the axes of a Transpose on the way from there. `offset` makes signed activations unsigned, as the
    kernels do.
    """

    node: NodeProto
    source: str
    turned: tuple[int, ...]
    offset: int
    zero: int
    weights: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    kernel: tuple[int, ...]


def open_saturating(path: Path, *, saturate: bool = True, tally: Tally | None = None) -> Session:
    """The int8 graph at `path`, computed as a CPU without VNNI would, exactly and slowly, in numpy.

    Convolutions and fully connected layers between Q/DQ nodes are integer arithmetic; every other node is run
    by onnxruntime. `saturate=False`: the same without the cut, which is what VNNI computes. `tally` counts.
    """
    model = onnx.load(path)
    if not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise Unreadable(f"{path}: a float graph does not saturate; give an int8 one")
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    count = tally if tally is not None else Tally()
    steps: list[Callable[[Values], None]] = []
    for node in model.graph.node:
        layer = _layer(node, model, values)
        steps.append(_integer(layer, count, saturate) if layer else _plain(node, model))
        if all(name in values for name in node.input if name):
            steps.pop()(values)
    image, names = model.graph.input[0].name, tuple(one.name for one in model.graph.output)

    def run(photo: np.ndarray) -> Outputs:
        found = values | {image: photo}
        for step in steps:
            step(found)
        return tuple(found[name] for name in names)

    return Session("saturating", {"numpy": np.__version__}, 1, names, run, pixels(model))


def _layer(node: NodeProto, model: ModelProto, values: Values) -> Layer | None:
    """A Conv or Gemm whose input, turned or not, and weights come out of DequantizeLinear; None for others."""
    made = {name: one for one in model.graph.node for name in one.output}
    before, turned = node.input[0], ()
    if node.op_type == "Conv" and before in made and made[before].op_type == "Transpose":
        turned, before = tuple(_attribute(made[before], "perm", ())), made[before].input[0]
    makers = {name: one for name, one in made.items() if one.op_type == "DequantizeLinear"}
    if node.op_type not in ("Conv", "Gemm") or not {before, node.input[1]} <= set(makers):
        return None
    data, weight = makers[before], makers[node.input[1]]
    whole, zero = values[weight.input[0]].astype(np.int64), values[data.input[2]]
    if node.op_type == "Gemm" and not _attribute(node, "transB", 0):
        whole = whole.T
    ordered = np.moveaxis(whole, 1, -1)  # outputs, kernel, input channels
    offset = 128 if zero.dtype == np.int8 else 0
    scale = values[data.input[1]].astype(np.float64) * values[weight.input[1]].astype(np.float64)
    bias = values[node.input[2]] if len(node.input) > 2 else np.zeros(1)
    inside = np.ascontiguousarray(ordered).reshape(len(ordered), -1)
    return Layer(
        node,
        data.input[0],
        turned,
        offset,
        int(zero) + offset,
        inside,
        scale,
        np.asarray(bias, np.float64),
        whole.shape[2:],
    )


def _integer(layer: Layer, tally: Tally, saturate: bool) -> Callable[[Values], None]:
    """The step that computes a layer on bytes."""
    groups = int(_attribute(layer.node, "group", 1))

    weights = layer.weights.reshape(1 if layer.node.op_type == "Gemm" else groups, -1, layer.weights.shape[1])
    matrix = Matrix.of(weights, int(np.prod(layer.kernel)), layer.zero)

    def step(values: Values) -> None:
        data = values[layer.source]
        data = data.transpose(layer.turned) if layer.turned else data
        data = (data.astype(np.int16) + layer.offset).astype(np.uint8)
        if layer.node.op_type == "Gemm":
            total = matrix.times(np.ascontiguousarray(data.T)[None], tally if saturate else None).T
            outside = total * layer.scale + layer.bias
        else:
            cells, shape = _cells(data[0], layer)
            parts = [part.reshape(-1, part.shape[2]) for part in np.split(cells, groups, axis=1)]
            total = matrix.times(np.stack(parts), tally if saturate else None)
            outside = total * layer.scale.reshape(-1, 1) + layer.bias.reshape(-1, 1)
            outside = outside.reshape(1, -1, *shape)
        values[layer.node.output[0]] = outside.astype(np.float32)

    return step


def _cells(data: np.ndarray, layer: Layer) -> tuple[np.ndarray, tuple[int, ...]]:
    """(C, H, W) → (kernel, C, cells), what each output cell reads, and the output's sides.

    Padding is the zero point.
    """
    spread = list(_attribute(layer.node, "dilations", [1, 1]))
    stride = list(_attribute(layer.node, "strides", [1, 1]))
    top, left, bottom, right = list(_attribute(layer.node, "pads", [0] * 4))
    whole = np.pad(data, ((0, 0), (top, bottom), (left, right)), constant_values=layer.zero)
    reach = [1 + (size - 1) * step for size, step in zip(layer.kernel, spread, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(whole, reach, (1, 2))
    windows = windows[:, :: stride[0], :: stride[1], :: spread[0], :: spread[1]]
    sides = windows.shape[1:3]
    return np.ascontiguousarray(windows.transpose(3, 4, 0, 1, 2)).reshape(-1, len(whole), sides[0] * sides[1]), sides


def _plain(node: NodeProto, model: ModelProto) -> Callable[[Values], None]:
    """The step that lets onnxruntime run one node by itself."""
    session: list[Any] = []

    def step(found: Values) -> None:
        feeds = {name: found[name] for name in node.input if name}
        if not session:
            session.append(_alone(node, feeds, model))
        found.update(zip(node.output, session[0].run(list(node.output), feeds), strict=True))

    return step


def _alone(node: NodeProto, feeds: Values, whole: ModelProto) -> Any:
    import onnxruntime

    inputs = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in feeds.items()
    ]
    results = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output]
    graph = onnx.helper.make_graph([node], "node", inputs, results)
    model = onnx.helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def _attribute(node: NodeProto, name: str, default: Any) -> Any:
    return next((onnx.helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)
