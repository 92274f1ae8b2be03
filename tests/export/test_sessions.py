import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from export import sessions
from export.errors import ExportError, RuntimeMissing, Unreadable
from export.rules import load_rules
from export.sessions import available, open_session
from tests.export.nets import images

HERE = ("onnxruntime", "openvino")


@pytest.mark.parametrize("runtime", HERE)
def test_a_runtime_gives_what_torch_gives(network: nn.Module, graph: Path, runtime: str) -> None:
    session = open_session(graph, runtime)
    assert session.output_names == ("boxes", "scores")
    for image in images(3):
        with torch.no_grad():
            expected = network(torch.from_numpy(image))
        for right, got in zip(expected, session(image), strict=True):
            np.testing.assert_allclose(got, right.numpy(), atol=1e-4)


@pytest.mark.parametrize("runtime", HERE)
def test_outputs_are_not_overwritten_by_the_next_call(graph: Path, runtime: str) -> None:
    session = open_session(graph, runtime)
    one, other = images(2)
    first = session(one)
    kept = [array.copy() for array in first]
    session(other)
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))


@pytest.mark.parametrize("runtime", HERE)
def test_an_int8_file_runs_everywhere(graph: Path, for_cpu: Path, runtime: str) -> None:
    image = images(1)[0]
    right, got = open_session(graph, runtime)(image), open_session(for_cpu, runtime)(image)
    assert all(0 < np.abs(a - b).max() < 0.1 * np.abs(a).max() for a, b in zip(right, got, strict=True))


@pytest.mark.parametrize("runtime", HERE)
def test_one_thread_is_one_thread(graph: Path, runtime: str) -> None:
    session, image = open_session(graph, runtime, threads=1), images(1)[0]
    session(image)
    wall, used = time.perf_counter(), time.process_time()
    for _ in range(300):
        session(image)
    assert (time.process_time() - used) / (time.perf_counter() - wall) < 1.2


def test_a_session_says_what_it_is(graph: Path) -> None:
    session = open_session(graph, "onnxruntime", threads=2)
    assert (session.runtime, session.threads) == ("onnxruntime", 2)
    assert session.versions["onnxruntime"][0].isdigit()


def test_openvino_computes_in_float32_unless_asked_otherwise(graph: Path) -> None:
    with pytest.raises(Unreadable, match="INFERENCE_PRECISION_HINT"):
        open_session(graph, "openvino", options={"INFERENCE_PRECISION_HINT": "nonsense"})
    assert load_rules("openvino").options["INFERENCE_PRECISION_HINT"] == "f32"


def test_runtimes_of_this_machine_are_known() -> None:
    assert all(available(runtime) for runtime in HERE)
    assert not available("caffe")


def test_tensorrt_without_the_package_or_a_gpu_is_refused(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "devices", lambda: 0)
    assert not available("tensorrt")
    with pytest.raises(RuntimeMissing, match=r"not on this machine|no CUDA device"):
        open_session(graph, "tensorrt")


def test_tensorrt_is_not_touched_where_no_cuda_device_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "find_spec", lambda name: name)
    monkeypatch.setattr(sessions, "devices", lambda: 0)
    assert "no CUDA device" in (sessions.lack("tensorrt") or "")


@pytest.mark.parametrize("runtime", HERE)
def test_a_truncated_file_is_one_sentence(graph: Path, tmp_path: Path, runtime: str) -> None:
    short = tmp_path / "short.onnx"
    short.write_bytes(graph.read_bytes()[:2000])
    with pytest.raises(Unreadable, match=rf"short\.onnx: {runtime} cannot open it: .+"):
        open_session(short, runtime)


def test_a_missing_file_an_unknown_runtime_and_no_threads_are_refused(graph: Path) -> None:
    with pytest.raises(Unreadable, match="no such file"):
        open_session(Path("nowhere.onnx"), "onnxruntime")
    with pytest.raises(ExportError, match="there are onnxruntime, openvino, tensorrt, openvino-bf16"):
        open_session(graph, "caffe")
    with pytest.raises(ExportError, match="at least 1"):
        open_session(graph, "onnxruntime", threads=0)


def test_bfloat16_is_another_way_to_run_a_float_graph_where_the_cpu_has_it(graph: Path) -> None:
    if not available("openvino-bf16"):
        with pytest.raises(RuntimeMissing, match="no bfloat16 arithmetic"):
            open_session(graph, "openvino-bf16")
        return
    image, session = images(1)[0], open_session(graph, "openvino-bf16")
    assert session.runtime == "openvino-bf16"
    for right, got in zip(open_session(graph, "openvino")(image), session(image), strict=True):
        assert 0 < np.abs(right - got).max() < 0.05 * np.abs(right).max()


def test_a_cpu_without_bfloat16_says_so(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_flags", lambda: {"avx2"})
    assert not available("openvino-bf16")
    assert available("openvino")
    with pytest.raises(RuntimeMissing, match="no bfloat16 arithmetic; openvino would be right"):
        open_session(graph, "openvino-bf16")


def test_a_session_says_in_which_type_it_takes_pixels(graph: Path) -> None:
    assert {open_session(graph, runtime).pixels for runtime in HERE} == {"float32"}
