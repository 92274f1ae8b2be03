"""Device memory by each of its ways: bytes come back as they went; a stand-in's device is this machine's memory."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from export.board import buffers
from export.board.faults import EngineError


class Heap:
    """What pycuda.driver and cuda.bindings.runtime do, on a dictionary of whole numbers → bytes."""

    def __init__(self) -> None:
        self.held: dict[int, bytes] = {}
        self.freed: list[int] = []

    def reserve(self, count: int) -> int:
        place = 0x7F0000000000 + (len(self.held) << 20)  # beyond 32 bits, as real ones are
        self.held[place] = bytes(count)
        return place


class Allocation:
    """pycuda's: a pointer that is freed when nobody holds it."""

    def __init__(self, heap: Heap, count: int) -> None:
        self.heap, self.place = heap, heap.reserve(count)

    def __int__(self) -> int:
        return self.place

    def free(self) -> None:
        self.heap.freed.append(self.place)


def pycuda(heap: Heap) -> dict[str, Any]:
    driver: Any = ModuleType("pycuda.driver")
    driver.mem_alloc = lambda count: Allocation(heap, count)
    driver.memcpy_htod = lambda place, array: heap.held.update({place: array.tobytes()})
    driver.memcpy_dtoh = lambda array, place: np.copyto(
        array, np.frombuffer(heap.held[place], array.dtype).reshape(array.shape)
    )
    package: Any = ModuleType("pycuda")
    package.driver, package.autoinit = driver, ModuleType("pycuda.autoinit")
    return {"pycuda": package, "pycuda.driver": driver, "pycuda.autoinit": package.autoinit}


def cuda_python(heap: Heap) -> dict[str, Any]:
    import ctypes

    def copy(target: int, source: int, count: int, kind: int) -> tuple[int]:
        if kind == 1:
            heap.held[target] = ctypes.string_at(source, count)
        else:
            ctypes.memmove(target, heap.held[source], count)
        return (0,)

    runtime: Any = ModuleType("cuda.bindings.runtime")
    runtime.cudaMalloc = lambda count: (0, heap.reserve(count))
    runtime.cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    runtime.cudaMemcpy, runtime.cudaFree = copy, lambda place: (heap.freed.append(place) or 0,)
    package, bindings = ModuleType("cuda"), ModuleType("cuda.bindings")
    bindings.runtime = runtime  # type: ignore[attr-defined]
    return {"cuda": package, "cuda.bindings": bindings, "cuda.bindings.runtime": runtime}


@pytest.mark.parametrize(("kind", "modules"), [("pycuda", pycuda), ("cuda-python", cuda_python)])
def test_packages_that_may_hold_memory(kind: str, modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heap = Heap()
    for name, module in modules(heap).items():
        monkeypatch.setitem(sys.modules, name, module)
    rounded(buffers.memory(kind))
    assert len(heap.freed) == 1


def test_ctypes_holds_memory_at_pointers_of_64_bits(cudart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "CUDART", (str(cudart / "libcudart.so"),))
    rounded(buffers.memory())
    assert buffers.describe() == ("Stand-in X1", "5.3")


def test_the_library_that_pip_brings_is_found_where_no_loader_looks(
    cudart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nvidia" / "cu13" / "lib"
    folder.mkdir(parents=True)
    shutil.copyfile(cudart / "libcudart.so", folder / "libcudart.so.13")
    monkeypatch.setattr(buffers, "CUDART", ("libnothing.so",))
    monkeypatch.setattr(
        buffers, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=[folder.parents[1]])
    )
    assert buffers.describe() == ("Stand-in X1", "5.3")
    monkeypatch.setattr(buffers, "find_spec", lambda name: None)
    assert buffers.devices() == 0


def rounded(memory: Any) -> None:
    """Four megabytes there and back: from a heap's big blocks, whose addresses need more than 32 bits."""
    sent = np.random.default_rng(0).normal(size=(1 << 20,)).astype(np.float32)
    place = memory.allocate(sent.nbytes)
    memory.upload(place, sent)
    back = np.zeros_like(sent)
    memory.download(back, place)
    memory.free(place)
    assert np.array_equal(back, sent)


def test_without_a_device_nothing_is_held(cudart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "CUDART", (str(cudart / "libcudart.so"),))
    monkeypatch.setenv("STANDIN_DEVICES", "0")
    assert buffers.devices() == 0
    with pytest.raises(EngineError, match="no CUDA device answers"):
        buffers.memory()
    monkeypatch.setattr(buffers, "CUDART", ("libnothing.so",))
    monkeypatch.setattr(buffers, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"none of libnothing\.so is here"):
        buffers.memory()


@pytest.mark.skipif(find_spec("cuda") is None, reason="cuda-python is not installed")
def test_the_real_cuda_python_has_the_names_that_are_used() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    assert {"cudaMalloc", "cudaMemcpy", "cudaFree", "cudaMemcpyKind"} <= set(dir(runtime))
    assert {"cudaMemcpyHostToDevice", "cudaMemcpyDeviceToHost"} <= set(dir(runtime.cudaMemcpyKind))
