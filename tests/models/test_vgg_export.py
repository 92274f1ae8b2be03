"""The file of an SSD300 on VGG16: what TensorRT 8.2 takes, int8 too, and the same start as every other graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from export.int8 import Dressing, quantize
from export.lint import lint, load_rules
from export.sessions import open_session
from export.to_onnx import to_onnx
from mfast_edge.models.ssd.vgg import Paper
from mfast_edge.models.ssd.vgg16 import MODEL


def test_the_graph_begins_with_the_normalisation_and_passes_tensorrt_8_2(tmp_path: Path) -> None:
    file, dressed = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    network = MODEL.network(Paper(classes=("a", "b"), size=96, width=0.125)).eval()
    to_onnx(network, (1, 3, 96, 96), file, names=MODEL.outputs, metadata={})
    nodes = onnx.load(file).graph.node
    assert [node.op_type for node in nodes[:3]] == ["Sub", "Div", "Conv"]
    assert not {node.op_type for node in nodes} & {"BatchNormalization", "Pow", "Expand"}
    assert lint(file, load_rules("tensorrt-8.2")) == []
    images = [np.random.default_rng(seed).uniform(0, 255, (1, 3, 96, 96)).astype(np.float32) for seed in range(2)]
    quantize(file, dressed, images, dressing=Dressing("int8", symmetric=True))
    assert lint(dressed, load_rules("tensorrt-8.2")) == []
    for plain, small in zip(
        open_session(file, "onnxruntime")(images[0]), open_session(dressed, "onnxruntime")(images[0]), strict=True
    ):
        assert np.abs(plain - small).max() < 0.2 * max(1.0, np.abs(plain).max())
