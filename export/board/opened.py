"""The bundle around this file: its graphs, opened in onnxruntime or TensorRT. Travels: Python 3.6, numpy."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import buffers  # type: ignore[import-not-found]
import building  # type: ignore[import-not-found]
import manifest  # type: ignore[import-not-found]
import numpy as np
from detections import Detections  # type: ignore[import-not-found]
from engine import Engine  # type: ignore[import-not-found]
from faults import BoardError, BundleError, EngineError  # type: ignore[import-not-found]

RUNTIMES = ("tensorrt", "onnxruntime")


class Bundle(NamedTuple):
    """A folder whose files were all found whole, and what its manifest says."""

    folder: Path
    told: Dict[str, Any]

    @property
    def graphs(self) -> List[str]:
        """The graphs' names."""
        return list(self.told["graphs"])


class Model(NamedTuple):
    """A graph in a runtime, with all that detection needs beside it."""

    name: str
    graph: Dict[str, Any]
    runtime: str
    versions: Dict[str, str]
    precision: str
    file: Path
    forward: Callable[[np.ndarray], Sequence[np.ndarray]]
    decode: Optional[Callable[..., Any]]  # None where nobody knows how outputs are decoded
    facts: Optional[Dict[str, Any]]


class Wanted(NamedTuple):
    """How to open graphs: a runtime, CPU threads (onnxruntime), an engine's precision if not the graph's usual one,
    and how device memory is had (TensorRT)."""

    runtime: str
    threads: int = 1
    precision: str = ""
    memory: str = "ctypes"


def found(runtimes: Sequence[str] = RUNTIMES) -> str:
    """TensorRT where it is one of the device's `runtimes` and here with a CUDA device, else onnxruntime.

    BoardError where neither is.
    """
    engines = "tensorrt" in runtimes
    if engines and buffers.devices() and find_spec("tensorrt"):
        return "tensorrt"
    if find_spec("onnxruntime"):
        return "onnxruntime"
    lack = "neither TensorRT with a CUDA device nor onnxruntime is here" if engines else "onnxruntime is not here"
    raise BoardError("run: {}; pip3 install onnxruntime would be right".format(lack))


def chosen(box: Bundle, name: str) -> str:
    """The graph called `name`, with or without .onnx; the one to use if empty. BoardError names the known ones."""
    if not name and box.told["file"]:
        return str(box.told["file"])
    for known in box.graphs:
        if name in (known, known[: -len(".onnx")]):
            return known
    raise BoardError("--model: {} is not in this bundle; it has {}".format(name, ", ".join(box.graphs)))


def opened(box: Bundle, name: str, wanted: Wanted) -> Model:
    """One graph of the bundle, ready to call."""
    graph = described(box, name)
    decode, facts = decoder(box, graph.get("decode")) if box.told["decoder"] else (None, None)
    if wanted.runtime == "onnxruntime" and wanted.precision:
        raise BoardError(
            "--precision: {} given, and onnxruntime takes the graph's own types; --model says which".format(
                wanted.precision
            )
        )
    if wanted.runtime == "onnxruntime":
        file, precision = box.folder / name, graph["precision"]
        forward, versions = onnxruntime(file, wanted.threads, box.told["outputs"])
    else:
        precision = wanted.precision or graph["engine"]
        file = engine_file(box, name, precision)
        forward = Engine(file, box.told["files"][name]["sha256"], rebuild(box, name, precision), wanted.memory)
        versions = {"tensorrt": str(forward.told["tensorrt"])}
    return Model(name, graph, wanted.runtime, versions, precision, file, forward, decode, facts)


def described(box: Bundle, name: str) -> Any:
    """What the manifest says of a graph. BundleError where it is none of the bundle's own files."""
    if name not in box.told["files"] or name not in box.told["graphs"]:
        raise BundleError("{}: {!r} is no graph of this bundle; {}".format(box.folder, name, manifest.AGAIN))
    return box.told["graphs"][name]


def decoder(box: Bundle, facts: Any) -> Any:
    """(decode, facts made ready) of the model, from the bundle's own file, which the manifest holds."""
    name = box.told["decoder"]
    if name not in box.told["files"] or not name.endswith("/decode.py"):
        raise BundleError("{}: {!r} is no decoder of this bundle; {}".format(box.folder, name, manifest.AGAIN))
    module = import_module(name[: -len(".py")].replace("/", "."))
    return module.decode, module.ready(facts)


def engine_file(box: Bundle, name: str, precision: str) -> Path:
    """Where the engine of a graph lies. The bundle itself holds none: engines are built on the device.

    EngineError for a precision that no engine has.
    """
    if precision not in building.PRECISIONS:
        raise EngineError("--precision: {}; {} would be right".format(precision, ", ".join(building.PRECISIONS)))
    stem = name[: -len(".onnx")].replace("/", "-")
    return box.folder / "engines" / "{}.{}.engine".format(stem, precision)


def rebuild(box: Bundle, name: str, precision: str) -> str:
    """The command that builds an engine."""
    return "python3 run.py build --model {} --precision {} would be right".format(name[: -len(".onnx")], precision)


def build(box: Bundle, name: str, precision: str, workspace: int) -> Path:
    """Build a graph's engine here; where it lies. EngineError where this machine cannot."""
    graph = described(box, name)
    precision = precision or graph["engine"]
    file = engine_file(box, name, precision)
    file.parent.mkdir(exist_ok=True)
    wish = building.Wish(graph["precision"], precision, workspace, file.parent / "tactics.cache")
    building.build(box.folder / name, file, wish)
    return file


class Onnxruntime:
    """A graph in onnxruntime on the CPU."""

    def __init__(self, session: Any, outputs: Sequence[str]) -> None:
        self.session, self.outputs = session, list(outputs)
        entry = session.get_inputs()[0]
        self.entry, self.pixels = entry.name, "uint8" if entry.type == "tensor(uint8)" else "float32"

    def __call__(self, image: np.ndarray) -> Sequence[np.ndarray]:
        return self.session.run(self.outputs, {self.entry: image})


def onnxruntime(file: Path, threads: int, outputs: Sequence[str]) -> Any:
    """(the graph, versions). BoardError where onnxruntime is not here or does not take the file."""
    try:
        import onnxruntime as ort
    except ImportError:
        raise BoardError(
            "--runtime: onnxruntime is not installed here; pip3 install onnxruntime would be right"
        ) from None
    wishes = ort.SessionOptions()
    wishes.intra_op_num_threads, wishes.inter_op_num_threads = threads, 1
    wishes.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(file), wishes, providers=["CPUExecutionProvider"])
    except Exception as wrong:  # it has no error class of its own that covers a bad file
        said = str(wrong).strip().splitlines()[-1]
        raise BoardError("{}: onnxruntime {} does not take it: {}".format(file, ort.__version__, said)) from None
    return Onnxruntime(session, outputs), {"onnxruntime": ort.__version__}


def photos(box: Bundle) -> List[np.ndarray]:
    """The check photos, uint8 (H, W, 3) RGB."""
    return [array(box, name) for name in box.told["check"]["photos"]]


def stored(box: Bundle, name: str) -> List[Detections]:
    """What was found in the check photos where the bundle was made: rows of x1 y1 x2 y2 score class."""
    rows = [array(box, one) for one in box.told["graphs"][name]["found"]]
    return [Detections(row[:, :4], row[:, 4], row[:, 5].astype(np.int64)) for row in rows]


def array(box: Bundle, name: str) -> np.ndarray:
    """An array of the bundle; pickled objects are not loaded. BundleError where it is none."""
    if name not in box.told["files"]:
        raise BundleError("{}: {!r} is no file of this bundle; {}".format(box.folder, name, manifest.AGAIN))
    try:
        return np.load(str(box.folder / name), allow_pickle=False)
    except ValueError:
        raise BundleError("{}: {} is no array; {}".format(box.folder, name, manifest.AGAIN)) from None
