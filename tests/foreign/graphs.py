"""Small graphs as other people export them: own names, open sizes, scaled pixels, decoding inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.intake import Scale

PIXELS = 255.0  # boxes come in pixels, beside scores in 0..1


def write(path: Path, *, size: int | None = 32, opset: int = 17, metadata: dict[str, str] | None = None) -> Path:
    """A convolution with a batch norm and a ReLU, two heads, boxes and scores joined: `images` 0..1 → `output0`."""
    draw = np.random.default_rng(0)
    maker = _Maker()
    x = maker.add(
        "Conv", "images", draw.normal(0, 0.5, (8, 3, 3, 3)), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4
    )
    norm = [draw.uniform(0.5, 1.5, 8), draw.normal(0, 0.1, 8), draw.normal(0, 0.1, 8), draw.uniform(0.5, 2, 8)]
    x = maker.add("Relu", maker.add("BatchNormalization", x, *norm))
    boxes = maker.add("Mul", maker.add("Sigmoid", _head(maker, x, draw, 4, 0.0)), np.array(PIXELS))
    scores = maker.add("Sigmoid", _head(maker, x, draw, 2, -3.0))
    maker.nodes.append(helper.make_node("Concat", [boxes, scores], ["joined"], axis=1))
    maker.shape("joined", [1, 6, -1], "output0")
    sides: list[Any] = [size, size] if size else ["height", "width"]
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1 if size else "batch", 3, *sides])
    found = helper.make_tensor_value_info("output0", TensorProto.FLOAT, None)
    graph = helper.make_graph(maker.nodes, "main", [given], [found], maker.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def photo(size: int = 32) -> np.ndarray:
    """A drawn photo, float32 (1, 3, size, size) RGB 0..255."""
    return np.random.default_rng(1).uniform(0, 255, (1, 3, size, size)).astype(np.float32)


def unit(image: np.ndarray) -> np.ndarray:
    """As `write`'s graph takes it."""
    return (image / 255).astype(np.float32)


UNIT = Scale.called("0..1", "RGB")


def _head(maker: _Maker, x: str, draw: np.random.Generator, count: int, bias: float) -> str:
    return maker.add(
        "Conv", x, draw.normal(0, 0.3, (count, 8, 1, 1)), draw.normal(bias, 0.5, count), kernel_shape=[1, 1]
    )


class _Maker:
    """Nodes without names, as some exporters leave them."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, source: str, *values: np.ndarray, **attributes: Any) -> str:
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [source, *(self.hold(v) for v in values)], [out], **attributes))
        return out

    def shape(self, source: str, sizes: list[int], out: str) -> None:
        self.constants.append(numpy_helper.from_array(np.array(sizes, np.int64), "sizes"))
        self.nodes.append(helper.make_node("Reshape", [source, "sizes"], [out]))

    def hold(self, value: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name
