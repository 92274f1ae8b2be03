"""Small graphs that measure one layer: the same layer several times on one map, between as little as possible."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.int8 import Dressing, dress
from export.layer import Layer

OPSET, IR = 13, 8
_CARRIER = 16  # channels that a probe's own input has
_COLOURS = 4  # a layer with at most so many channels inside reads the image itself
_MAPS = 4  # as many pooled copies at the most: equal poolings of one map would be done once
_POOLING = ("kernel_shape", "strides", "dilations", "pads")
_IMAGE, _SIGNED, _ACTIVATED = (0.0, 255.0), (-4.0, 4.0), (0.0, 6.0)


def write(layer: Layer, copies: int, path: Path, dressing: Dressing | None = None) -> tuple[int, int, int, int]:
    """Write at `path` a graph that holds `layer` `copies` times; return the shape of its input.

    All copies read the same map, which one convolution before them makes, so that it lies in the runtime's
    own layout and precision; of each output a single pixel goes on. So the difference between two such
    graphs is what more copies cost, without session overhead, input copies and changes of layout. Layers
    that end a network are transposed, joined and given out as a detector's heads are. Each copy of a pooling has
    a map of its own, all of which are made in any case. Weights are random.
    `dressing`: as int8, with ranges of an activated network; None: float.
    """
    draft = _Draft(layer)
    shape = draft.begin()
    for copy in range(copies):
        draft.copy(f"copy{copy}")
    model = draft.finish()
    onnx.save(model, path)
    if dressing is not None:
        dress(path, path, draft.ranges, dressing)
    return shape


class _Draft:
    """A graph under construction; every tensor's made-up range is kept for int8."""

    def __init__(self, layer: Layer) -> None:
        self.layer, self.draw = layer, np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.ranges: dict[str, tuple[float, float]] = {}
        self.ends: list[str] = []
        self.start = ""
        self.maps: list[str] = []
        self.shape = (1, 1, 1, 1)

    def begin(self) -> tuple[int, int, int, int]:
        """The input and the map that all copies read."""
        layer = self.layer
        side = layer.side * layer.stride
        colours = layer.inside <= _COLOURS and layer.kind != "pool"
        self.shape = (1, layer.inside if colours else _CARRIER, side, side)
        self.ranges["image"] = _IMAGE
        self.start = self.add("Sub", ["image", self.constant("middle", np.float32(128))], _SIGNED)
        self.start = self.add("Div", [self.start, self.constant("scale", np.float32(128))], _SIGNED)
        carrier = Layer("conv", _CARRIER, layer.inside, side)
        if layer.kind == "pool":
            self.maps = [self.weighted(f"carrier{n}", carrier) for n in range(_MAPS)]
        elif not colours:
            self.start = self.weighted("carrier", carrier)
        if layer.kind == "linear":
            self.start = self.add("Flatten", [self.start], _ACTIVATED)
        return self.shape

    def copy(self, name: str) -> None:
        """One more of the layer, and what becomes of its output."""
        out = self.pooled(self.maps.pop()) if self.layer.kind == "pool" else self.weighted(name, self.layer)
        if self.layer.last and self.layer.kind != "linear":
            out = self.add("Transpose", [out], _SIGNED, perm=[0, 2, 3, 1])
            rows = self.constant(f"{name}.rows", np.array([1, -1, self.layer.outside], np.int64))
            out = self.add("Reshape", [out, rows], _SIGNED)
        else:
            out = self.pixel(out, self.layer.side)
        self.ends.append(out)

    def finish(self) -> onnx.ModelProto:
        """The checked model with one output."""
        self.ends += [self.pixel(one, self.layer.side * self.layer.stride) for one in self.maps]
        span = _SIGNED if self.layer.last else _ACTIVATED
        self.add("Concat", self.ends, span, axis=1)
        self.nodes[-1].output[0] = "found"
        self.ranges["found"] = span
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, self.shape)
        found = helper.make_tensor_value_info("found", TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "probe", [image], [found], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)

    def pixel(self, out: str, side: int) -> str:
        """A single pixel of a map of this side."""
        if side == 1:
            return out
        return self.add("MaxPool", [out], _ACTIVATED, kernel_shape=[1, 1], strides=[side, side])

    def pooled(self, source: str) -> str:
        """The maximum of each window."""
        asked = _attributes(self.layer, depthwise=False)
        return self.add("MaxPool", [source], _ACTIVATED, **{name: asked[name] for name in _POOLING})

    def weighted(self, name: str, layer: Layer) -> str:
        """A convolution or linear layer, with ReLU6 unless it is the last."""
        span = _SIGNED if layer.last else _ACTIVATED
        source, depthwise = self.start, layer.kind == "depthwise"
        fan = (1 if depthwise else layer.inside) * layer.kernel[0] * layer.kernel[1]
        shape = (layer.outside, 1 if depthwise else layer.inside, *layer.kernel)
        weights = (self.draw.standard_normal(shape, np.float32) / fan**0.5).astype(np.float32)
        bias = self.constant(f"{name}.bias", np.ones(layer.outside, np.float32))
        if layer.kind == "linear":
            weight = self.constant(f"{name}.weight", weights.reshape(shape[:2]))
            out = self.add("Gemm", [source, weight, bias], span, transB=1)
        else:
            weight = self.constant(f"{name}.weight", weights)
            out = self.add("Conv", [source, weight, bias], span, **_attributes(layer, depthwise))
        if layer.last:
            return out
        bounds = [self.constant(f"{name}.{end}", np.float32(value)) for end, value in (("low", 0), ("high", 6))]
        return self.add("Clip", [out, *bounds], _ACTIVATED)

    def add(self, kind: str, inputs: list[str], span: tuple[float, float], **attributes: Any) -> str:
        """A node; the name of its output."""
        out = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))
        self.ranges[out] = span
        return out

    def constant(self, name: str, value: "np.ndarray | np.generic") -> str:
        """An initializer; its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _attributes(layer: Layer, depthwise: bool) -> dict[str, Any]:
    """TensorFlow's SAME padding for `side * stride` px going in."""
    pads = []
    for kernel in layer.kernel:
        total = max(layer.dilation * (kernel - 1) + 1 - layer.stride, 0)
        pads.append((total // 2, total - total // 2))
    return {
        "kernel_shape": list(layer.kernel),
        "strides": [layer.stride] * 2,
        "dilations": [layer.dilation] * 2,
        "pads": [pads[0][0], pads[1][0], pads[0][1], pads[1][1]],
        "group": layer.inside if depthwise else 1,
    }
