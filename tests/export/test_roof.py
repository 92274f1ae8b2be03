"""The roofline: layers counted from files, the least time from the peak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from export.errors import Unreadable
from export.roof import SHAPES, Layer, Rates, Shape, chain, layers, roofline, told
from export.sized import sized
from export.to_onnx import to_onnx


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_multiply_adds_bytes_and_int8_are_counted_from_the_file(tmp_path: Path, shape: Shape) -> None:
    onnx.save(chain(shape), tmp_path / "float.onnx")
    found = layers(tmp_path / "float.onnx")
    cells, weights = shape.side**2, shape.channels**2 * shape.kernel**2
    moved = weights + 2 * shape.channels * cells
    assert found == [Layer(weights * cells, 4 * moved, False)] * shape.depth
    assert shape.macs == sum(one.macs for one in found)


def test_a_depthwise_convolution_and_int8_weights_are_counted(graph: Path, for_cpu: Path) -> None:
    plain, small = layers(graph), layers(for_cpu)
    macs = [27 * 16 * 32 * 32, 9 * 16 * 16 * 16, 16 * 32 * 16 * 16]
    assert [one.macs for one in plain][:3] == macs
    assert sorted(one.macs for one in small) == sorted(one.macs for one in plain)
    assert [one.int8 for one in plain] == [False] * 5
    assert [one.int8 for one in small] == [True] * 5
    assert sum(one.moved for one in small) * 4 == sum(one.moved for one in plain)


class Linears(nn.Module):
    """(1, 3, 4, 4) → (1, 7): of unequal sides, with a bias, which becomes a Gemm, and without, a MatMul."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.thin = nn.Linear(48, 10), nn.Linear(10, 7, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.thin(torch.relu(self.wide(x.flatten(1)))),)


def test_a_fully_connected_layer_is_as_many_multiply_adds_as_it_has_weights(tmp_path: Path) -> None:
    to_onnx(Linears().eval(), (1, 3, 4, 4), tmp_path / "linears.onnx", names=("scores",), metadata={})
    kinds = [node.op_type for node in onnx.load(tmp_path / "linears.onnx").graph.node]
    assert [kind for kind in kinds if kind in ("Gemm", "MatMul")] == ["Gemm", "MatMul"]
    assert layers(tmp_path / "linears.onnx") == [
        Layer(48 * 10, 4 * (48 + 48 * 10 + 10), False),
        Layer(10 * 7, 4 * (10 + 10 * 7 + 7), False),
    ]


@pytest.mark.parametrize(
    ("left", "right", "turned", "macs"),
    [([2, 5], [5], {}, 10), ([5], [5, 3], {}, 15), ([5], [5], {}, 5), ([5, 2], [3, 5], {"transA": 1, "transB": 1}, 30)],
)
def test_a_product_is_counted_along_what_it_sums_over(
    left: list[int], right: list[int], turned: dict[str, Any], macs: int, tmp_path: Path
) -> None:
    node = helper.make_node("Gemm" if turned else "MatMul", ["x", "w"], ["y"], **turned)
    assert [one.macs for one in layers(saved(tmp_path, [node], {"x": left, "w": right}))] == [macs]


def saved(folder: Path, nodes: list[onnx.NodeProto], inputs: dict[str, list[int]]) -> Path:
    """A graph of inputs of these sizes with the output y."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in inputs.items()]
    graph = helper.make_graph(nodes, "g", ends, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    known = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=known, ir_version=8), folder / "made.onnx")
    return folder / "made.onnx"


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([helper.make_node("CDist", ["x", "w"], ["y"], domain="com.microsoft")], "No conversion rule .*CDist"),
        (
            [
                helper.make_node("NonZero", ["x"], ["places"]),
                helper.make_node("Cast", ["places"], ["found"], to=TensorProto.FLOAT),
                helper.make_node("MatMul", ["w", "found"], ["y"]),
            ],
            "dynamic shape",
        ),
    ],
    ids=["an operator of onnxruntime's own", "sizes that depend on the data"],
)
def test_what_openvino_cannot_count_is_one_sentence(nodes: list[onnx.NodeProto], why: str, tmp_path: Path) -> None:
    file = saved(tmp_path, nodes, {"x": [3, 2], "w": [3, 2]})
    with pytest.raises(Unreadable, match=rf"^made\.onnx: OpenVINO cannot count its layers: .*{why}") as caught:
        layers(file)
    assert "\n" not in str(caught.value)


def test_the_roof_is_arithmetic_where_that_is_slow_and_memory_where_that_is() -> None:
    rates = Rates(int8=1e9, float32=1e8, memory=1e6)
    assert roofline([Layer(2_000_000, 1000, True)], rates) == pytest.approx(2.0)
    assert roofline([Layer(2_000_000, 1000, False)], rates) == pytest.approx(20.0)
    assert roofline([Layer(2_000_000, 5000, True)] * 2, rates) == pytest.approx(10.0)


def test_bfloat16_has_a_rate_and_a_width_of_its_own() -> None:
    rates = Rates(int8=1e9, float32=1e8, memory=1e6, bfloat16=2e8)
    assert roofline([Layer(2_000_000, 1000, False)], rates, "bfloat16") == pytest.approx(10.0)
    assert roofline([Layer(2_000_000, 60_000, False)], rates, "bfloat16") == pytest.approx(30.0)
    assert roofline([Layer(2_000_000, 1000, True)], rates, "bfloat16") == pytest.approx(2.0)


def test_a_batch_multiplies_the_arithmetic(graph: Path, tmp_path: Path) -> None:
    sized(graph, tmp_path / "four.onnx", {"image": (4, 3, 64, 64)})
    assert [one.macs for one in layers(tmp_path / "four.onnx")] == [4 * one.macs for one in layers(graph)]


def test_the_sentence_names_the_share_of_the_roof(graph: Path) -> None:
    rates = Rates(int8=1e9, float32=1e8, memory=1e9)
    least = roofline(layers(graph), rates)
    assert told("tiny", graph, rates, 2 * least).endswith("50% of the roof")
