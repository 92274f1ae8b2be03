"""Hard swishes and hard sigmoids: the same function in nodes that runtimes fuse, whole in int8."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from export.gates import gates
from export.int8 import Dressing, quantize
from export.lint import lint, load_rules
from export.sessions import open_session
from export.sites import sites
from export.to_onnx import to_onnx
from tests.export.nets import built, images


class Gated(nn.Module):
    """A hard swish, a squeeze-and-excitation with a hard sigmoid, a sum (Howard 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.swish = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish()
        self.pool, self.squeeze, self.excite = nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.gate, self.last, self.beside = nn.Hardsigmoid(), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.swish(self.norm(self.first((x - 128) / 128)))
        scaled = self.gate(self.excite(torch.relu(self.squeeze(self.pool(x))))) * x
        return self.last(x + self.beside(scaled)), x.mean((2, 3))


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gated") / "model.onnx"
    to_onnx(built(Gated), (1, 3, 64, 64), path, names=("map", "mean"), metadata={})
    return path


def kinds(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def test_a_hard_sigmoid_becomes_add_clip_and_mul(gated: Path) -> None:
    found = kinds(gated)
    assert found["HardSigmoid"] == 0
    assert (found["Clip"], found["Mul"]) == (2, 4)  # two gates, the swish's product and the excitation's
    assert lint(gated, load_rules("tensorrt-8.2")) == []


def test_openvino_runs_them_inside_convolutions(gated: Path) -> None:
    import openvino

    compiled = openvino.Core().compile_model(str(gated), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    told = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    names = [
        str(one["originalLayersNames"].astype(str)) for one in told if one["layerType"].astype(str) == "Convolution"
    ]
    assert any("first/Conv" in name and "swish/Mul" in name for name in names)
    assert any("excite/Conv" in name and "gate/HardSigmoid" in name for name in names)


def test_a_swish_is_rounded_before_and_behind_and_not_within(gated: Path, tmp_path: Path) -> None:
    inside = gates(onnx.load(gated).graph)
    assert sorted(inside) == [
        *("gate/Add", "gate/Clip", "gate/HardSigmoid"),
        *("swish/Add", "swish/Clip", "swish/HardSigmoid", "swish/Mul"),
    ]
    dressed = tmp_path / "int8.onnx"
    quantize(gated, dressed, images(4), dressing=Dressing("uint8", symmetric=False))
    found = sites(dressed)
    assert not {"swish/Add", "swish/Clip", "swish/HardSigmoid", "gate/Add", "gate/Clip"} & set(found.activations)
    assert {"first/Conv", "swish/Mul", "pool/GlobalAveragePool", "gate/HardSigmoid", "Mul", "Add"} <= set(
        found.activations
    )
    assert len(found.weighted) == 5
    for plain, small in zip(
        open_session(gated, "onnxruntime")(images(1)[0]),
        open_session(dressed, "onnxruntime")(images(1)[0]),
        strict=True,
    ):
        assert np.abs(plain - small).max() < 0.1 * np.abs(plain).max()


def test_a_product_with_another_tensor_is_no_swish(gated: Path) -> None:
    """The excitation's product has a gate of another map: it is a sum's like in int8."""
    graph = onnx.load(gated).graph
    other = [node.name for node in graph.node if node.op_type == "Mul" and node.name not in gates(graph)]
    assert other == ["Mul"]


def test_a_clip_of_other_bounds_is_no_gate(gated: Path) -> None:
    model = onnx.load(gated)
    for one in model.graph.initializer:
        if one.name == "gate/Clip.max":
            one.CopyFrom(onnx.numpy_helper.from_array(np.array(5, np.float32), one.name))
    assert not [name for name in gates(model.graph) if name.startswith("gate")]
