"""A TensorRT engine as something to call: one source for TensorRT 8.2 to 11. Travels: Python 3.6, numpy.

What a TensorRT can do is asked of its own names, never of its version number.
"""

from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

if __package__:
    from export.board import buffers, stamp
    from export.board.faults import EngineError
else:  # on the board the files lie side by side
    import buffers  # type: ignore[import-not-found,no-redef]
    import stamp  # type: ignore[import-not-found,no-redef]
    from faults import EngineError  # type: ignore[import-not-found,no-redef]

DTYPES = {  # by name: trt.nptype fails under newer numpy in TensorRT 8.2 to 8.5
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
}


class Slot(NamedTuple):
    """One input or output of an engine."""

    name: str
    given: bool
    shape: Tuple[int, ...]
    dtype: Any


def tensorrt() -> Any:
    """The module, imported only where a CUDA device answers: without one TensorRT ends the process."""
    if not buffers.devices():
        raise EngineError("tensorrt: no CUDA device answers here; a machine with one, or onnxruntime, would be right")
    try:
        import tensorrt as trt
    except ImportError:
        raise EngineError(
            "tensorrt: not installed for this Python; JetPack's python3-libnvinfer would be right"
        ) from None
    return trt


class Engine:
    """An engine on the device: call it with an image of type `pixels`; outputs come in the order of `names`.

    Floats come as float32, whole numbers as int32. One serves one thread at a time; `close` gives memory back.
    """

    def __init__(self, path: Path, onnx: Optional[str], rebuild: str, memory: str = "ctypes", trt: Any = None) -> None:
        """Open an engine that was built here, of the ONNX file with that sha256 (None: whichever).

        EngineError, with `rebuild` as what would be right, where it was built for something else.
        """
        trt = trt or tensorrt()
        told = stamp.read(path, rebuild)
        now = stamp.surroundings(trt)
        stamp.check(path, told, now if onnx is None else dict(now, onnx=onnx), rebuild)
        self.told = told
        self.memory = buffers.memory(memory)  # before TensorRT: with pycuda its context is the one to be used
        self.logger = trt.Logger(trt.Logger.WARNING)
        trt.init_libnvinfer_plugins(self.logger, "")
        self.runtime = trt.Runtime(self.logger)
        self.engine = self.runtime.deserialize_cuda_engine(path.read_bytes())
        if self.engine is None:
            raise EngineError("{}: TensorRT {} cannot read it; {}".format(path, trt.__version__, rebuild))
        self.context = self.engine.create_execution_context()
        self.slots = slots(trt, self.engine)
        self.names = names(self.slots, told["outputs"], path)
        self.arrays = {one.name: np.empty(one.shape, one.dtype) for one in self.slots}
        self.places = [self.memory.allocate(self.arrays[one.name].nbytes) for one in self.slots]
        self.image = next(number for number, one in enumerate(self.slots) if one.given)
        self.pixels = "uint8" if self.slots[self.image].dtype == np.uint8 else "float32"

    def __call__(self, image: np.ndarray) -> List[np.ndarray]:
        slot = self.slots[self.image]
        if image.shape != slot.shape:
            raise EngineError("engine: an image of {} given; {} would be right".format(image.shape, slot.shape))
        self.memory.upload(self.places[self.image], np.ascontiguousarray(image, slot.dtype))
        if not self.context.execute_v2(self.places):
            raise EngineError("engine: TensorRT could not run it, its own lines above say why")
        for slot, place in zip(self.slots, self.places):
            if not slot.given:
                self.memory.download(self.arrays[slot.name], place)
        return [plain(self.arrays[name]) for name in self.names]

    def close(self) -> None:
        """Give the device's memory back; the engine cannot be called any more."""
        while self.places:
            self.memory.free(self.places.pop())
        self.context = self.engine = self.runtime = None


def plain(array: np.ndarray) -> np.ndarray:
    """A copy in float32 or int32, whatever width the engine gives."""
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)


def slots(trt: Any, engine: Any) -> List[Slot]:
    """Inputs and outputs in the engine's order, the order of execute_v2. EngineError for a size left open."""
    if hasattr(engine, "num_io_tensors"):
        called = [engine.get_tensor_name(place) for place in range(engine.num_io_tensors)]
        found = [
            slot(
                name,
                engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT,
                engine.get_tensor_shape(name),
                engine.get_tensor_dtype(name),
            )
            for name in called
        ]
    else:
        found = [
            slot(
                engine.get_binding_name(place),
                engine.binding_is_input(place),
                engine.get_binding_shape(place),
                engine.get_binding_dtype(place),
            )
            for place in range(engine.num_bindings)
        ]
    return found


def slot(name: str, given: bool, shape: Sequence[int], dtype: Any) -> Slot:
    """One of them, its type as numpy's."""
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes):
        raise EngineError("{}: sizes {} are left open; a graph with fixed sizes would be right".format(name, sizes))
    word = getattr(dtype, "name", str(dtype))
    if word not in DTYPES:
        raise EngineError(
            "{}: of type {}, which numpy has not; {} would be right".format(name, word, ", ".join(DTYPES))
        )
    return Slot(name, bool(given), sizes, DTYPES[word])


def names(found: Sequence[Slot], wanted: Sequence[str], path: Path) -> List[str]:
    """The outputs' names in the graph's order."""
    have = {one.name for one in found if not one.given}
    if have != set(wanted) or len(found) - len(have) != 1:
        raise EngineError("{}: outputs {} and one input wanted; it has {}".format(path, list(wanted), sorted(have)))
    return list(wanted)
