"""Peak memory in a process of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks import machine
from mfast_edge.errors import Unfinished
from mfast_edge.weighed import weigh

if machine.peak_memory() is None:
    pytest.skip("this system does not tell peak memory", allow_module_level=True)


def widening(path: Path, times: int) -> dict[str, object]:
    """A graph that holds its input `times` over while it works, as a job."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1000, 1000]) for name in ("x", "y")]
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [times, 1000, 1000])
    nodes = [
        helper.make_node("Expand", ["x", "shape"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["y"], axes=[0], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "wide", ends[:1], ends[1:], [shape])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return {"graph": str(path), "runtime": "onnxruntime", "threads": 1, "sizes": {"x": [1000, 1000]}}


def test_what_a_network_needs_is_told_and_what_this_process_held_is_not(tmp_path: Path) -> None:
    ballast = np.ones(80_000_000)  # 640 MB
    small, large = weigh(widening(tmp_path / "a.onnx", 2)), weigh(widening(tmp_path / "b.onnx", 42))
    assert ballast.nbytes / 1e6 <= (machine.peak_memory() or 0)
    assert small is not None
    assert large is not None
    assert small["before"] < small["peak"] < 640
    assert large["peak"] - small["peak"] > 150  # 40 times 4 MB, and what the runtime copies


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(b"no graph")
    job = {"graph": str(tmp_path / "cut.onnx"), "runtime": "onnxruntime", "threads": 1, "sizes": {}}
    with pytest.raises(Unfinished, match="cannot be read as ONNX"):
        weigh(job)
