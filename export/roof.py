"""What a graph would take if nothing but arithmetic and memory cost time (Williams 2009), on this very CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.errors import Unreadable
from export.int8 import Dressing, quantize
from export.sessions import last

WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")


@dataclass(frozen=True, slots=True)
class Shape:
    """Convolutions whose rate is measured: `depth` of them, `channels` wide, on `side` x `side`."""

    channels: int
    side: int
    kernel: int
    depth: int

    @property
    def name(self) -> str:
        """Its sizes."""
        return f"{self.channels}x{self.side}x{self.kernel}"

    @property
    def macs(self) -> int:
        """Multiply-adds of all of them."""
        return self.depth * self.channels**2 * self.kernel**2 * self.side**2


# 3x3 kernels read each value nine times and reach up to a quarter more than 1x1 ones; which shape is best depends on
# runtime and arithmetic.
SHAPES = (Shape(512, 32, 1, 4), Shape(128, 38, 3, 4), Shape(512, 19, 3, 1))


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution or matrix product: multiply-adds, bytes of weights, input and output, its arithmetic."""

    macs: int
    moved: int
    int8: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """What this CPU reaches: multiply-adds per second in int8, float32 and, where it has it, bfloat16; bytes per
    second."""

    int8: float
    float32: float
    memory: float
    bfloat16: float = 0.0


def layers(file: Path) -> list[Layer]:
    """The weighted layers of an ONNX file or of OpenVINO's .xml, at its batch.

    Raises Unreadable for operators that OpenVINO has not, and for sizes that are known only while it runs.
    """
    import openvino

    try:
        model = openvino.Core().read_model(file)
        return [layer(op) for op in model.get_ordered_ops() if op.get_type_name() in WEIGHTED]
    except RuntimeError as error:  # OpenVINO has no error class of its own
        raise Unreadable(f"{file.name}: OpenVINO cannot count its layers: {last(error)}") from error


def layer(op: Any) -> Layer:
    """A layer counted: int8 where its weights are stored so."""
    given, weights, out = list(op.get_input_shape(0)), list(op.get_input_shape(1)), list(op.get_output_shape(0))
    one = prod(out) * summed(op, given) if op.get_type_name() == "MatMul" else prod(weights) * out[0] * prod(out[2:])
    int8 = stored(op.input(1).get_source_output().get_node(), prod(weights)) == 1
    size = 1 if int8 else 4
    return Layer(one, size * (prod(given) + prod(weights) + prod(out)), int8)


def summed(product: Any, given: Sequence[int]) -> int:
    """Products that each value of a matrix product is the sum of; `given`: sizes of its left factor.

    The right one's sizes do not tell: torch's weights stay (out, in), to be transposed.
    """
    return given[-2] if product.get_attributes()["transpose_a"] and len(given) > 1 else given[-1]


def stored(node: Any, count: int) -> int:
    """Bytes of one of the `count` weights behind a node that dequantizes or reshapes them."""
    if node.get_type_name() == "Constant":
        return int(node.get_element_type().size)
    for number in range(node.get_input_size()):
        if prod(node.get_input_shape(number)) == count:
            return stored(node.input(number).get_source_output().get_node(), count)
    return 4  # not a constant: made while running


def roofline(found: Sequence[Layer], rates: Rates, precision: str = "float32") -> float:
    """The least ms: of each layer the longer of arithmetic and memory, one after the other.

    `precision`: of the layers that are not int8, float32 or bfloat16.
    """
    rate, size = (rates.bfloat16, 0.5) if precision == "bfloat16" else (rates.float32, 1.0)
    arithmetic = [one.macs / (rates.int8 if one.int8 else rate) for one in found]
    memory = [one.moved * (1.0 if one.int8 else size) / rates.memory for one in found]
    return 1e3 * sum(max(pair) for pair in zip(arithmetic, memory, strict=True))


def told(name: str, file: Path, rates: Rates, ms: float) -> str:
    """The sentence beside a figure."""
    found = layers(file)
    macs, moved = sum(one.macs for one in found), sum(one.moved for one in found)
    share = sum(one.macs for one in found if one.int8) / macs
    least = roofline(found, rates)
    return (
        f"roofline of {name}: {macs / 1e6:.0f} M multiply-adds ({share:.0%} int8), {moved / 1e6:.1f} MB moved: at "
        f"{rates.int8 / 1e9:.0f} G int8 and {rates.float32 / 1e9:.0f} G float multiply-adds/s and "
        f"{rates.memory / 1e9:.0f} GB/s at least {least:.3f} ms; measured {ms:.3f} ms, {least / ms:.0%} of the roof"
    )


def probes(folder: Path) -> dict[tuple[str, Shape], Path]:
    """Convolutions that a CPU spends all its time multiplying in, {(float32 or int8, shape): file}; see `image`."""
    files = {(kind, shape): folder / f"{kind}-{shape.name}.onnx" for shape in SHAPES for kind in ("float32", "int8")}
    for shape in SHAPES:
        onnx.save(chain(shape), files["float32", shape])
        dressing = Dressing("uint8", symmetric=False)
        quantize(files["float32", shape], files["int8", shape], [image(shape)], dressing=dressing)
    return files


def image(shape: Shape) -> np.ndarray:
    """What a probe is called with."""
    return np.random.default_rng(0).normal(size=(1, shape.channels, shape.side, shape.side)).astype(np.float32)


def chain(shape: Shape) -> onnx.ModelProto:
    """Its convolutions, each with a ReLU behind."""
    rng = np.random.default_rng(0)
    nodes, weights, wide = [], [], (shape.channels, shape.channels, shape.kernel, shape.kernel)
    for number in range(shape.depth):
        values = rng.normal(0, (2 / prod(wide[1:])) ** 0.5, wide).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{number}"))
        inputs, pads = [f"x{number}", f"w{number}"], [shape.kernel // 2] * 4
        nodes.append(helper.make_node("Conv", inputs, [f"y{number}"], f"conv{number}", pads=pads))
        nodes.append(helper.make_node("Relu", [f"y{number}"], [f"x{number + 1}"], f"relu{number}"))
    sizes = [1, shape.channels, shape.side, shape.side]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in ("x0", f"x{shape.depth}")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
