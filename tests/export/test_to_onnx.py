from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.errors import ExportError
from export.sessions import outputs
from export.to_onnx import to_onnx
from tests.export.nets import Net, Same, built, images


def export(network: nn.Module, path: Path, size: int = 64) -> onnx.ModelProto:
    to_onnx(network, (1, 3, size, size), path, names=("out",), metadata={})
    return onnx.load(path)


def test_the_graph_is_convolutions_activations_and_heads_only(graph: Path) -> None:
    kinds = Counter(node.op_type for node in onnx.load(graph).graph.node)
    assert kinds == {"Sub": 1, "Div": 1, "Conv": 5, "Clip": 3, "Transpose": 2, "Reshape": 2}


def test_the_file_is_opset_13_of_an_old_ir_version_with_fixed_sizes(graph: Path) -> None:
    model = onnx.load(graph)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 13)]
    assert model.ir_version <= 8
    shapes = {one.name: [d.dim_value for d in one.type.tensor_type.shape.dim] for one in model.graph.output}
    assert shapes == {"boxes": [1, 256, 4], "scores": [1, 256, 3]}
    assert [one.name for one in model.graph.input] == ["image"]


def test_normalisation_comes_first(graph: Path) -> None:
    first, second = onnx.load(graph).graph.node[:2]
    assert (first.op_type, first.input[0], second.op_type) == ("Sub", "image", "Div")


def test_asymmetric_same_padding_lies_in_the_convolution(graph: Path) -> None:
    convs = [node for node in onnx.load(graph).graph.node if node.op_type == "Conv"]
    pads = [onnx.helper.get_node_attr_value(node, "pads") for node in convs]
    assert pads[:3] == [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]


def test_the_graph_computes_what_the_network_does(network: nn.Module, graph: Path) -> None:
    image = images(1)[0]
    with torch.no_grad():
        expected = network(torch.from_numpy(image))
    for right, got in zip(expected, outputs(onnx.load(graph), image), strict=True):
        np.testing.assert_allclose(got, right.numpy(), atol=1e-4)


def test_the_same_network_gives_the_same_bytes(graph: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.onnx"
    metadata = {"labels": "[]", "size": "64"}
    to_onnx(built(Net), (1, 3, 64, 64), again, names=("boxes", "scores"), metadata=metadata)
    assert again.read_bytes() == graph.read_bytes()


def test_names_are_those_of_modules_and_no_path_of_this_machine_is_in_the_file(graph: Path) -> None:
    model = onnx.load(graph)
    assert "body.0.0/Conv" in {node.name for node in model.graph.node}
    assert {"body.0.0/Conv.W", "body.0.0/Conv.B"} <= {one.name for one in model.graph.initializer}
    assert b".py" not in graph.read_bytes()


def test_metadata_is_in_the_file(graph: Path) -> None:
    assert {one.key: one.value for one in onnx.load(graph).metadata_props} == {"labels": "[]", "size": "64"}


def test_a_network_in_training_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"call \.eval\(\)"):
        export(Same(3, 4, 3, 2).train(), tmp_path / "x.onnx")


def test_a_forbidden_node_is_named(tmp_path: Path) -> None:
    class Best(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).topk(3).values

    with pytest.raises(ExportError, match="TopK: a TopK is left"):
        export(Best().eval(), tmp_path / "x.onnx")


def test_a_graph_that_froze_a_decision_of_the_network_is_refused(tmp_path: Path) -> None:
    class Moody(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 if x.mean() > 50 else x * 3

    with pytest.raises(ExportError, match="out: the traced graph does not compute"):
        export(Moody().eval(), tmp_path / "x.onnx")


def test_padding_that_no_convolution_can_take_stays(tmp_path: Path) -> None:
    class Padded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            edges = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2)
            return functional.conv2d(functional.pad(edges, (1, 1, 1, 1), value=1.0), torch.ones(1, 3, 3, 3))

    model = export(Padded().eval(), tmp_path / "x.onnx")
    assert [node.op_type for node in model.graph.node] == ["Pad", "MaxPool", "Pad", "Conv"]


def test_sizes_taken_while_tracing_leave_no_arithmetic(tmp_path: Path) -> None:
    class Sized(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            grid = torch.arange(x.shape[3]) % 5
            return functional.interpolate(x, (x.shape[2] * 2, x.shape[3] * 2)) + grid.repeat(2)

    model = export(Sized().eval(), tmp_path / "x.onnx", 16)
    assert [node.op_type for node in model.graph.node] == ["Resize", "Add"]
