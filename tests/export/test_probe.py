"""Graphs that measure one layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from export.int8 import Dressing
from export.layer import Layer
from export.probe import write
from export.sessions import open_session

DRESSING = Dressing("uint8", symmetric=False)
LAYERS = [
    Layer("conv", 32, 48, 5),
    Layer("conv", 3, 16, 6, (3, 3), 2),
    Layer("conv", 32, 48, 1, (3, 3), 2),
    Layer("conv", 32, 48, 9, (3, 1)),
    Layer("conv", 32, 16, 7, (3, 3), dilation=6),
    Layer("conv", 32, 18, 5, last=True),
    Layer("depthwise", 32, 32, 5, (3, 3), 2),
    Layer("linear", 32, 20, 1),
]
POOLS = [Layer("pool", 32, 32, 5, (2, 2), 2), Layer("pool", 4, 4, 7, (3, 3))]


@pytest.mark.parametrize("dressing", [None, DRESSING])
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_probe_runs_and_holds_the_layer_so_many_times(
    tmp_path: Path, layer: Layer, dressing: Dressing | None
) -> None:
    file = tmp_path / "probe.onnx"
    shape = write(layer, 3, file, dressing)
    assert shape[2] == layer.side * layer.stride
    image = np.full(shape, 114, np.float32)
    (found,) = open_session(file, "onnxruntime")(image)
    wanted = layer.outside * 3 * (layer.side**2 if layer.last else 1)
    assert found.size == wanted
    assert np.isfinite(found).all()
    weighted = [node for node in onnx.load(file).graph.node if node.op_type in ("Conv", "Gemm")]
    assert len(weighted) - (layer.inside > 4) == 3


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_layer_s_map_has_the_side_it_says(tmp_path: Path, layer: Layer) -> None:
    write(layer, 1, tmp_path / "probe.onnx")
    graph = onnx.load(tmp_path / "probe.onnx").graph
    sizes = {one.name: [size.dim_value for size in one.type.tensor_type.shape.dim] for one in graph.value_info}
    made = [node.output[0] for node in graph.node if node.op_type in ("Conv", "Gemm")][-1]
    square = [] if layer.kind == "linear" else [layer.side, layer.side]
    assert sizes[made] == [1, layer.outside, *square]


@pytest.mark.parametrize("dressing", [None, DRESSING])
@pytest.mark.parametrize("layer", POOLS, ids=str)
def test_poolings_differ_in_nothing_but_their_number(tmp_path: Path, layer: Layer, dressing: Dressing | None) -> None:
    """Each of a map of its own, for a runtime works equal ones out once; all maps are made, pooled or not."""
    counts = []
    for copies in (1, 4):
        file = tmp_path / "probe.onnx"
        shape = write(layer, copies, file, dressing)
        (found,) = open_session(file, "onnxruntime")(np.full(shape, 114, np.float32))
        assert found.size == 4 * layer.outside
        nodes = onnx.load(file).graph.node
        pools = [node for node in nodes if node.op_type == "MaxPool" and sizes(node) == [*layer.kernel]]
        assert len({node.input[0] for node in pools}) == copies
        counts.append(sum(node.op_type == "Conv" for node in nodes))
    assert counts == [4, 4]


def sizes(node: onnx.NodeProto) -> list[int]:
    return next(list(one.ints) for one in node.attribute if one.name == "kernel_shape")


def test_int8_dresses_every_copy(tmp_path: Path) -> None:
    write(LAYERS[0], 2, tmp_path / "probe.onnx", DRESSING)
    nodes = {out: node for node in onnx.load(tmp_path / "probe.onnx").graph.node for out in node.output}
    for node in nodes.values():
        if node.op_type == "Conv":
            assert {nodes[name].op_type for name in node.input[:2]} == {"DequantizeLinear"}
