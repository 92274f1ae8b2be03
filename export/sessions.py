"""A model file becomes something to call, the same for every runtime."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.board.buffers import devices
from export.board.engine import Engine
from export.board.faults import BoardError
from export.errors import ExportError, RuntimeMissing, Unreadable
from export.rules import load_rules

if TYPE_CHECKING:
    import onnx

Outputs = tuple[np.ndarray, ...]
_BF16 = {"avx512_bf16", "amx_bf16"}


@dataclass(frozen=True, slots=True)
class Session:
    """One model in one runtime: call it with a C-contiguous image of type `pixels`, RGB 0..255.

    float32: (1, 3, H, W); uint8: (1, H, W, 3), a photo's bytes. The outputs come in the graph's order and belong
    to the caller. One session serves one thread at a time. `feed` takes {name: array} of all the graph's inputs,
    whatever their sizes and types.
    """

    runtime: str
    versions: Mapping[str, str]
    threads: int
    output_names: tuple[str, ...]
    run: Callable[[np.ndarray], Outputs] = field(repr=False)
    pixels: str = "float32"
    feed: Callable[[Mapping[str, np.ndarray]], Outputs] | None = field(default=None, repr=False)

    def __call__(self, image: np.ndarray) -> Outputs:
        return self.run(image)


def open_session(path: Path, runtime: str, *, threads: int = 1, options: Mapping[str, Any] | None = None) -> Session:
    """The model at `path`, ready to call in `runtime` on `threads` threads.

    `options` are the runtime's own, over those of configs/runtimes: session configuration entries of
    onnxruntime, properties of OpenVINO.
    Raises RuntimeMissing where the runtime cannot work here, Unreadable where the file or an option is bad.
    """
    base = VARIANTS.get(runtime, runtime)
    if base not in RUNTIMES:
        raise ExportError(f"{runtime}: no such runtime; there are {', '.join((*RUNTIMES, *VARIANTS))}")
    if threads < 1:
        raise ExportError(f"{runtime}: {threads} threads given; give at least 1")
    if why := lack(runtime):
        raise RuntimeMissing(why)
    if not path.is_file():
        raise Unreadable(f"{path}: no such file; give a model file")
    own = load_rules(runtime).options if runtime in VARIANTS else {}
    try:
        return replace(RUNTIMES[base](path, threads, own | dict(options or {})), runtime=runtime)
    except ExportError:
        raise
    except BoardError as wrong:
        raise Unreadable(str(wrong)) from None
    except Exception as error:  # neither runtime has an error class of its own that covers a bad file
        raise Unreadable(f"{path}: {runtime} cannot open it: {last(error)}") from error


def tried(session: Session, arrays: Mapping[str, np.ndarray]) -> None:
    """Call a session once. Raises Unreadable where the runtime cannot run what it has opened."""
    assert session.feed is not None
    try:
        session.feed(arrays)
    except Exception as error:  # as above
        raise Unreadable(f"{session.runtime} cannot run it: {last(error)}") from error


def available(runtime: str) -> bool:
    """Whether `runtime` can work on this machine; loads neither the runtime nor a GPU context."""
    return VARIANTS.get(runtime, runtime) in RUNTIMES and lack(runtime) is None


def lack(runtime: str) -> str | None:
    """What `runtime` misses on this machine, as a sentence; None where nothing."""
    package = VARIANTS.get(runtime, runtime)
    if find_spec(package) is None:
        return f"{package}: the Python package is not on this machine; install it, or choose another runtime"
    if runtime.endswith("-bf16") and not _BF16 & _flags():
        return f"{runtime}: this CPU has no bfloat16 arithmetic; {package} would be right"
    if runtime == "tensorrt" and devices() == 0:
        return "tensorrt: no CUDA device on this machine; open the .engine file on the board that built it"
    return None


def _flags() -> set[str]:
    """The CPU's features, as Linux names them."""
    told = Path("/proc/cpuinfo")
    return set(told.read_text().split()) if told.is_file() else set()


def outputs(model: "onnx.ModelProto", image: np.ndarray) -> Outputs:
    """What a graph in memory gives for `image`, computed by onnxruntime without rewriting anything."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return tuple(session.run(None, {session.get_inputs()[0].name: image}))


def _onnxruntime(path: Path, threads: int, options: Mapping[str, Any]) -> Session:
    import onnxruntime

    wishes = onnxruntime.SessionOptions()
    wishes.intra_op_num_threads, wishes.inter_op_num_threads = threads, 1
    wishes.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    wishes.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    wishes.log_severity_level = 3
    for key, value in (load_rules("onnxruntime").options | dict(options)).items():
        wishes.add_session_config_entry(key, str(value))
    session = onnxruntime.InferenceSession(os.fspath(path), wishes, ["CPUExecutionProvider"])
    entry, names = session.get_inputs()[0], [one.name for one in session.get_outputs()]
    image, pixels = entry.name, "uint8" if entry.type == "tensor(uint8)" else "float32"

    def feed(arrays: Mapping[str, np.ndarray]) -> Outputs:
        return tuple(session.run(names, dict(arrays)))

    def run(pixels: np.ndarray) -> Outputs:
        return tuple(session.run(names, {image: pixels}))

    return Session("onnxruntime", {"onnxruntime": onnxruntime.__version__}, threads, tuple(names), run, pixels, feed)


def _openvino(path: Path, threads: int, options: Mapping[str, Any]) -> Session:
    import openvino

    wishes = {"INFERENCE_NUM_THREADS": threads, **load_rules("openvino").options, **options}
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(os.fspath(path)), "CPU", wishes)
    request = compiled.create_infer_request()
    names = tuple(one.get_any_name() for one in compiled.outputs)
    results = [request.get_output_tensor(place) for place in range(len(names))]
    pixels = str(compiled.inputs[0].element_type.to_dtype())

    def run(pixels: np.ndarray) -> Outputs:
        request.set_input_tensor(openvino.Tensor(np.ascontiguousarray(pixels), shared_memory=True))
        request.infer()
        return tuple(one.data.copy() for one in results)

    def feed(arrays: Mapping[str, np.ndarray]) -> Outputs:
        held = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # as long as they are read
        for name, array in held.items():
            request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
        request.infer()
        return tuple(one.data.copy() for one in results)

    return Session("openvino", {"openvino": openvino.__version__}, threads, names, run, pixels, feed)


def _tensorrt(path: Path, threads: int, options: Mapping[str, Any]) -> Session:
    if path.suffix != ".engine":
        raise Unreadable(
            f"{path}: TensorRT runs engines; an .engine file that was built on this machine would be right"
        )
    engine = Engine(path, None, "building it again on this machine would be right", options.get("memory", "ctypes"))

    def run(pixels: np.ndarray) -> Outputs:
        return tuple(engine(pixels))

    versions = {"tensorrt": str(engine.told["tensorrt"])}
    return Session("tensorrt", versions, threads, tuple(engine.names), run, engine.pixels)


def last(error: Exception) -> str:
    """The last line of a runtime's message: the earlier ones name its source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


RUNTIMES: dict[str, Callable[[Path, int, Mapping[str, Any]], Session]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorrt": _tensorrt,
}
# The same runtimes with the options of a file of their own in configs/runtimes; a target lists what it wants raced.
VARIANTS = {"openvino-bf16": "openvino"}
