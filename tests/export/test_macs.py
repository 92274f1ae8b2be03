"""Multiply-adds of a graph are those of its network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from export.macs import macs
from export.to_onnx import to_onnx
from mfast_edge import model as models
from mfast_edge.latency import layers
from mfast_edge.models import MODELS


@pytest.mark.parametrize("name", ["tiny", "ssd_mbv1", "ssd_vgg16"])
def test_a_graph_counts_what_its_network_does(tmp_path: Path, name: str) -> None:
    model = models.find(name, MODELS)
    build = model.build(classes=("a", "b"), width=0.25, size=96)
    network = model.network(build).eval()
    to_onnx(network, (1, 3, 96, 96), tmp_path / "model.onnx", names=model.outputs, metadata={})
    counted = sum(layer.macs for layer in layers(network, torch.zeros(1, 3, 96, 96)))
    assert macs(tmp_path / "model.onnx") == counted


def test_an_int8_graph_counts_what_its_float_graph_does(graph: Path, for_cpu: Path, for_tensorrt: Path) -> None:
    assert macs(graph) == macs(for_cpu) == macs(for_tensorrt) > 0
