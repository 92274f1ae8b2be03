"""A small bundle with a real graph, and stand-ins for CUDA and TensorRT."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.board.stamp import digest
from export.bundle import bundle
from mfast_edge.models.detections import Detections, detect
from mfast_edge.models.ssd import decode as numbers
from mfast_edge.packed import columns

HERE = Path(__file__).parent
SIDE, CELLS, CLASSES = 32, 16, 2
FACTS = {
    "height": SIDE,
    "width": SIDE,
    "classes": ["cat", "dog"],
    "maps": [4],
    "shapes": [[[0.4, 0.4]]],
    "variances": [0.1, 0.1, 0.2, 0.2],
    "score_threshold": 0.02,
    "iou_threshold": 0.5,
    "candidates": 50,
    "detections": 20,
}


def tensor(name: str, *shape: int, spread: float, seed: int) -> onnx.TensorProto:
    values = np.random.default_rng(seed).normal(0, spread, shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def save_graph(path: Path, kind: int = TensorProto.FLOAT) -> None:
    """A convolution of 8 by 8 patches → box codes (1, 16, 4) and logits (1, 16, 2)."""
    weights = [
        numpy_helper.from_array(np.array([1 / 255], np.float32), "scale"),
        tensor("w", 6, 3, 8, 8, spread=0.2, seed=1),
        tensor("b", 6, spread=0.5, seed=2),
        numpy_helper.from_array(np.array([1, CELLS, 6], np.int64), "rows"),
        numpy_helper.from_array(np.array([4, 2], np.int64), "parts"),
    ]
    nodes = [
        helper.make_node("Mul", ["image", "scale"], ["unit"]),
        helper.make_node("Conv", ["unit", "w", "b"], ["maps"], strides=[8, 8]),
        helper.make_node("Transpose", ["maps"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "rows"], ["flat"]),
        helper.make_node("Split", ["flat", "parts"], ["boxes", "logits"], axis=2),
    ]
    outputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, CELLS, c]) for n, c in (("boxes", 4), ("logits", 2))
    ]
    image = helper.make_tensor_value_info("image", kind, [1, 3, SIDE, SIDE])
    graph = helper.make_graph(nodes, "small", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def runner(graph: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"image": image})


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as `pack` makes them, of a graph and ten noisy photos of several sizes."""
    work = tmp_path_factory.mktemp("bundle")
    save_graph(work / "graph.onnx")
    files = {"export_onnx.onnx": work / "graph.onnx"}
    forward, facts = runner(work / "graph.onnx"), numbers.ready(dict(FACTS))
    found: list[Detections] = []
    for number in range(10):
        rng = np.random.default_rng(number)
        photo = rng.integers(0, 256, (40 + number, 64 - number, 3), np.uint8)
        found.append(detect(photo, forward, numbers.decode, facts))
        for name, array in (
            (f"check/photos/{number}.npy", photo),
            (f"check/export_onnx/{number}.npy", columns(found[-1])),
        ):
            files[name] = work / name
            files[name].parent.mkdir(parents=True, exist_ok=True)
            np.save(files[name], array)
    assert sum(len(one.boxes) for one in found) > 20
    graph = {
        "stage": "export_onnx",
        "keys": ["k2", "k1"],
        "precision": "float32",
        "engine": "float16",
        "pixels": "float32",
        "found": [f"check/export_onnx/{number}.npy" for number in range(10)],
        "decode": FACTS,
    }
    bundle(
        work / "bundle",
        files,
        {
            "model": "tiny",
            "key": "k2",
            "file": "export_onnx.onnx",
            "labels": FACTS["classes"],
            "outputs": ["boxes", "logits"],
            "confidence": 0.3,
            "decoder": "ssd/decode.py",
            "graphs": {"export_onnx.onnx": graph},
            "check": {"photos": [f"check/photos/{number}.npy" for number in range(10)], "score": 0.05},
        },
    )
    assert len(digest(work / "bundle" / "manifest.json")) == 64
    return work / "bundle"


@pytest.fixture
def box(whole: Path, tmp_path: Path) -> Path:
    """A copy to do things to."""
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def cudart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libcudart whose device is this machine's memory; skipped without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or pytest.skip("no C compiler: no stand-in for libcudart")
    folder = tmp_path_factory.mktemp("cudart")
    source = str(HERE / "cudart_standin.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-w", "-o", str(folder / "libcudart.so"), source], check=True)
    return folder


@pytest.fixture(scope="session")
def binding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `tensorrt` is the stand-in."""
    folder = tmp_path_factory.mktemp("binding")
    shutil.copyfile(HERE / "tensorrt_standin.py", folder / "tensorrt.py")
    return folder


@pytest.fixture
def device(cudart: Path, binding: Path) -> dict[str, str]:
    """The environment of a process that has a device and TensorRT 8.2; STANDIN is the generation."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STANDIN"))}
    return {**plain, "LD_LIBRARY_PATH": str(cudart), "PYTHONPATH": str(binding), "STANDIN": "8.2"}


def run(
    box: Path,
    *words: str,
    python: str = sys.executable,
    env: dict[str, str] | None = None,
    folder: Path | None = None,
) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of run.py in a bundle; alone, without the packages and without the
    machine's own GPUs, unless `env`."""
    alone = [] if env else ["-I"]
    env = env or {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [python, *alone, str(box / "run.py"), *words], capture_output=True, text=True, env=env, cwd=folder or box.parent
    )
    return done.returncode, done.stdout, done.stderr
