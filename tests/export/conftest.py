"""Files that several tests read, made once."""

from pathlib import Path

import pytest
from torch import nn

from export.int8 import Dressing, quantize
from export.to_onnx import to_onnx
from tests.export.nets import Net, built, images


@pytest.fixture(scope="session")
def network() -> nn.Module:
    return built(Net)


@pytest.fixture(scope="session")
def graph(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float") / "model.onnx"
    to_onnx(network, (1, 3, 64, 64), path, names=("boxes", "scores"), metadata={"size": "64", "labels": "[]"})
    return path


@pytest.fixture(scope="session")
def for_cpu(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cpu") / "model.onnx"
    quantize(graph, path, images(4), dressing=Dressing("uint8", symmetric=False))
    return path


@pytest.fixture(scope="session")
def for_tensorrt(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tensorrt") / "model.onnx"
    quantize(graph, path, images(4), dressing=Dressing("int8", symmetric=True))
    return path
