"""Engines: built, stamped, refused and run through stand-ins of each generation of TensorRT; no GPU is touched."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.board.conftest import run
from tests.board.old import old_python

GENERATIONS = ["8.2", "8.6", "10.3", "11.4"]


def plan(box: Path, precision: str) -> dict[str, object]:
    """What the stand-in built the engine with."""
    head = (box / "engines" / f"export_onnx.{precision}.engine").read_bytes().partition(b"\n")[0]
    told: dict[str, object] = json.loads(head.removeprefix(b"standin "))
    return told


def stamp(box: Path, precision: str) -> dict[str, object]:
    told: dict[str, object] = json.loads((box / "engines" / f"export_onnx.{precision}.engine.json").read_text())
    return told


@pytest.mark.parametrize("generation", GENERATIONS)
def test_an_engine_finds_what_was_stored(box: Path, device: dict[str, str], generation: str) -> None:
    """Its outputs come in another order than the graph's, at pointers; names put them right."""
    env = {**device, "STANDIN": generation}
    code, _, error = run(box, "build", "--precision", "float32", env=env)
    assert code == 0, error
    code, out, error = run(box, "check", "--precision", "float32", env=env)
    assert code == 0, error
    assert "in tensorrt float32: same" in out
    assert "worst score difference 0," in out
    assert stamp(box, "float32")["flags"] == []  # TF32 is no float32
    code, _, error = run(box, "bench", "--precision", "float32", "--rounds", "5", env=env)
    assert code == 0, error


@pytest.mark.parametrize(
    ("runtimes", "runtime"),
    [(None, "tensorrt"), (["tensorrt"], "tensorrt"), (["onnxruntime", "openvino"], "onnxruntime")],
)
def test_tensorrt_is_taken_where_the_bundle_s_device_has_it(
    box: Path, device: dict[str, str], runtimes: list[str] | None, runtime: str
) -> None:
    """A CPU's bundle has no engine, and its README no step that builds one, whatever else is installed."""
    told = json.loads((box / "manifest.json").read_text())
    (box / "manifest.json").write_text(json.dumps(told if runtimes is None else {**told, "runtimes": runtimes}))
    code, out, error = run(box, "check", env=device)
    if runtime == "tensorrt":
        assert code == 2
        assert "python3 run.py build" in error
    else:
        assert code == 0, error
        assert "in onnxruntime float32: same" in out


@pytest.mark.parametrize("generation", ["8.2", "8.6"])
def test_the_same_under_python_3_6(box: Path, device: dict[str, str], generation: str) -> None:
    python, env = old_python(), {**device, "STANDIN": generation}
    assert run(box, "build", env=env, python=python)[0] == 0
    code, out, error = run(box, "check", env=env, python=python)
    assert code == 0, error
    assert "in tensorrt float16: same" in out


def test_the_stamp_says_what_it_was_built_for(box: Path, device: dict[str, str]) -> None:
    assert run(box, "build", env=device)[0] == 0
    told = stamp(box, "float16")
    manifest = json.loads((box / "manifest.json").read_text())
    assert told["tensorrt"] == "8.2.1.8"
    assert told["gpu"] == "Stand-in X1"
    assert told["compute_capability"] == "5.3"
    assert told["precision"] == "float16"
    assert told["flags"] == ["FP16", "TF32"]
    assert told["onnx"] == manifest["files"]["export_onnx.onnx"]["sha256"]
    assert told["outputs"] == ["boxes", "logits"]
    assert plan(box, "float16") == {"version": "8.2.1.8", "flags": [0, 6], "network": 1}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STANDIN_GPU", "Another X2", "built for GPU Stand-in X1, and here is Another X2"),
        ("STANDIN", "8.6", "built for TensorRT 8.2.1.8, and here is 8.6.1"),
    ],
)
def test_an_engine_of_another_device_is_refused_with_the_command_that_rebuilds(
    box: Path, device: dict[str, str], name: str, value: str, said: str
) -> None:
    assert run(box, "build", env=device)[0] == 0
    code, _, error = run(box, "check", env={**device, name: value})
    assert code == 2
    assert said in error
    assert "python3 run.py build --model export_onnx --precision float16 would be right" in error


def test_an_engine_that_was_changed_or_has_no_stamp_is_refused(box: Path, device: dict[str, str]) -> None:
    assert "no export_onnx.float16.engine.json says" in run(box, "check", env=device)[2]
    assert run(box, "build", env=device)[0] == 0
    engine = box / "engines" / "export_onnx.float16.engine"
    engine.write_bytes(engine.read_bytes() + b"\0")
    assert "is of another file" in run(box, "check", env=device)[2]


def test_an_engine_of_another_graph_is_refused(box: Path, device: dict[str, str]) -> None:
    assert run(box, "build", env=device)[0] == 0
    told = stamp(box, "float16")
    place = box / "engines" / "export_onnx.float16.engine.json"
    place.write_text(json.dumps({**told, "onnx": "0" * 64}))
    assert "built for ONNX file of sha256 000" in run(box, "check", env=device)[2]


def test_a_gpu_without_the_arithmetic_refuses_before_it_builds(box: Path, device: dict[str, str]) -> None:
    code, _, error = run(box, "build", env={**device, "STANDIN_SLOW": "float16"})
    assert code == 2
    assert "this GPU has no fast float16; a float graph with --precision float32 would be right" in error
    assert not list(box.glob("engines/*.engine"))


def test_types_that_are_the_graph_s_alone_are_asked_of_the_graph(box: Path, device: dict[str, str]) -> None:
    code, _, error = run(box, "build", env={**device, "STANDIN": "11.4"})
    assert code == 2
    assert "TensorRT 11.4.0.106 has no FP16 flag" in error
    assert "--precision float32 or a graph in float16 would be right" in error


def test_int8_comes_from_the_graph(box: Path, device: dict[str, str]) -> None:
    code, _, error = run(box, "build", "--precision", "int8", env=device)
    assert code == 2
    assert "the graph is in float32; float32 or float16 would be right" in error


def test_too_little_memory_is_said_with_what_to_do(box: Path, device: dict[str, str]) -> None:
    code, _, error = run(box, "build", "--workspace", "1", env=device)
    assert code == 2
    assert "TensorRT built nothing" in error


def test_tactics_are_kept_and_those_of_another_version_are_left(box: Path, device: dict[str, str]) -> None:
    assert run(box, "build", env=device)[0] == 0
    cache = box / "engines" / "tactics.cache"
    assert cache.read_bytes() == b"tactics of 8.2.1.8"
    assert run(box, "build", env={**device, "STANDIN": "8.6"})[0] == 0
    assert cache.read_bytes() == b"tactics of 8.6.1"


def test_no_device_is_noticed_before_tensorrt_is_touched(box: Path, device: dict[str, str], tmp_path: Path) -> None:
    """A real TensorRT ends the process there; this one would say so."""
    (tmp_path / "tensorrt.py").write_text("import os; os._exit(139)\n")
    env = {**device, "STANDIN_DEVICES": "0", "PYTHONPATH": str(tmp_path)}
    code, _, error = run(box, "build", env=env)
    assert code == 2
    assert "no CUDA device answers here" in error
    code, out, _ = run(box, "check", env=env)
    assert code == 0
    assert "in onnxruntime" in out


@pytest.mark.parametrize("kind", ["pycuda", "cuda-python"])
def test_memory_by_a_package_that_is_missing_is_refused(box: Path, device: dict[str, str], kind: str) -> None:
    env = {**device, "PYTHONPATH": device["PYTHONPATH"]}
    assert run(box, "build", env=env)[0] == 0
    (box / "cuda.py").write_text("raise ImportError\n")  # whatever this machine has
    (box / "pycuda.py").write_text("raise ImportError\n")
    code, _, error = run(box, "check", "--buffers", kind, env=env, python=sys.executable)
    assert code == 2
    assert f"{kind} is not installed for this Python; ctypes needs nothing" in error
