"""suppress: a run's graph with NMS inside finds what this project's own decoding finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfast_edge.errors import UserError
from mfast_edge.opened import opened
from mfast_edge.suppress import written
from tests.doors.doors import door, folder, refused


@pytest.fixture(scope="module")
def exported(finished: Path) -> Path:
    """A run that ends in a float graph: 8 bits make equal scores, of which each NMS keeps whichever it likes."""
    words = ("--model", "tiny", "--plan", "tiny", "--target", "x86", "--device", "cpu", "--out", finished)
    done = door("compress", *words, "--until", "export_onnx", "--name", "exported")
    assert done.returncode in (0, 1), done.stderr
    return finished / "exported"


@pytest.mark.parametrize("nms", ["onnx", "tensorrt"])
def test_its_detections_match(nms: str, exported: Path, tmp_path: Path) -> None:
    done = door("suppress", exported, "--out", tmp_path / "n.onnx", "--nms", nms)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "detections match" in done.stdout
    assert ("was not run here" in done.stdout) is (nms == "tensorrt")
    assert (tmp_path / "n.onnx").is_file()


def test_a_place_that_cannot_be_written_and_a_run_without_a_graph_are_refused(finished: Path, tmp_path: Path) -> None:
    assert "an .onnx file in a folder that exists" in refused("suppress", folder(finished), "--out", "/nowhere/n.onnx")
    network = next(path for path in (finished / "store").iterdir() if (path / "weights.safetensors").is_file())
    with pytest.raises(UserError, match="no run that ends in a graph"):
        written(opened(network), tmp_path / "n.onnx", "onnx", 2)
