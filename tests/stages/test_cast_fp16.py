"""cast_fp16: what it keeps, what it refuses, and that it is judged by what float16 really gives."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from mfast_edge.errors import UserError
from mfast_edge.plan import read
from mfast_edge.run import run
from mfast_edge.runners import telling
from mfast_edge.target import find
from tests.conftest import asked

TARGET = """title: a GPU with TensorRT 11
arch: [none]
runtimes: [tensorrt]
rules: tensorrt-11
precisions: [float32, float16, int8]
int8: {activations: int8, symmetric: true, per_channel: true}
"""
PLAN = """data: particles:60x96
budget: 100.0
stages:
  - train: {images: 800, batch: 8, lr: 3.0e-3}
  - export_onnx: {}
  - cast_fp16: {images: 4}
timing: {rounds: 5, seconds: 0.01, warmup: 1}
"""


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "typed.yaml").write_text(TARGET)
    return str(tmp_path / "typed.yaml")


def test_a_run_ends_in_a_typed_graph_whose_detections_match(tmp_path: Path, target: str) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    assert run(asked(tmp_path / "runs", target=target, plan=str(tmp_path / "plan.yaml"), name="half")) in (0, 1)
    told = json.loads((tmp_path / "runs" / "half" / "final.json").read_text())
    row = told["rows"][-1]
    assert row["stage"] == "cast_fp16"
    folder = tmp_path / "runs" / "store" / row["key"]
    assert telling(folder / "model.onnx") == folder / "rounded.onnx"
    kinds = {one.data_type for one in onnx.load(folder / "model.onnx").graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert row["parity"]["share"] > 0.9 or row["parity"]["detections"] == 0
    assert any(gate["name"] == "parity of float16" for gate in told["gates"])
    results = next((tmp_path / "runs" / "half" / "results").glob("*.json"))
    assert {line["precision"] for line in json.loads(results.read_text())["rows"]} == {"float32"}  # what was timed


def test_a_target_without_float16_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    with pytest.raises(UserError, match="cast_fp16: x86 computes in float32, int8; leave the stage out"):
        read(str(tmp_path / "plan.yaml"), find("x86"), {})


@pytest.mark.parametrize("order", [("cast_fp16", "quantize"), ("quantize", "cast_fp16")])
def test_int8_and_float16_are_both_made_of_the_float_graph(order: tuple[str, str], tmp_path: Path, target: str) -> None:
    (tmp_path / "plan.yaml").write_text(f"stages: [train, export_onnx, {order[0]}, {order[1]}]\n")
    with pytest.raises(UserError, match="each of which is made of the float graph"):
        read(str(tmp_path / "plan.yaml"), find(target), {})
