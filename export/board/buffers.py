"""Memory of a CUDA device. Travels: Python 3.6; ctypes on libcudart needs nothing installed."""

import ctypes
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np

if __package__:
    from export.board.faults import EngineError
else:  # on the board the files lie side by side
    from faults import EngineError  # type: ignore[import-not-found,no-redef]

CUDART = ("libcudart.so",) + tuple("libcudart.so." + version for version in ("13", "12", "11.0", "10.2"))
UPLOAD, DOWNLOAD = 1, 2  # cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost
MAJOR, MINOR = 75, 76  # cudaDevAttrComputeCapabilityMajor and …Minor
NAME, PROPERTIES = 256, 1 << 14  # bytes of cudaDeviceProp's first field, and more than any CUDA's whole


class Device(NamedTuple):
    """The first CUDA device: its name, and its compute capability such as 5.3."""

    name: str
    capability: str


def devices() -> int:
    """CUDA devices by libcudart's own count. TensorRT crashes the process where there is none: ask first."""
    library = cudart()
    if library is None:
        return 0
    count = ctypes.c_int(0)
    return count.value if library.cudaGetDeviceCount(ctypes.byref(count)) == 0 else 0


def describe() -> Device:
    """The first device. EngineError where there is none."""
    library = _present()
    numbers = []
    for attribute in (MAJOR, MINOR):
        value = ctypes.c_int(0)
        _succeed(library.cudaDeviceGetAttribute(ctypes.byref(value), attribute, 0), "cudaDeviceGetAttribute")
        numbers.append(str(value.value))
    properties = ctypes.create_string_buffer(PROPERTIES)
    _succeed(library.cudaGetDeviceProperties(properties, 0), "cudaGetDeviceProperties")
    name = properties.raw[:NAME].split(b"\0")[0].decode("utf-8", "replace")
    return Device(name, ".".join(numbers))


def cudart() -> Optional[ctypes.CDLL]:
    """CUDA's runtime library; None where it is not installed."""
    for name in [*CUDART, *packaged()]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def packaged() -> List[str]:
    """The same as pip brings it beside TensorRT or torch: in a folder where no loader looks, the newest first."""
    found = find_spec("nvidia")
    folders = list(found.submodule_search_locations or []) if found else []
    return sorted((str(one) for each in folders for one in Path(each).glob("*/lib/libcudart.so.*")), reverse=True)


class Cudart:
    """Device memory through ctypes. Pointers are whole numbers; copies are over when they return."""

    def __init__(self) -> None:
        self.library = _present()
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.library.cudaMalloc.argtypes = [ctypes.POINTER(pointer), size]
        self.library.cudaMemcpy.argtypes = [pointer, pointer, size, ctypes.c_int]
        self.library.cudaFree.argtypes = [pointer]

    def allocate(self, count: int) -> int:
        """`count` bytes on the device."""
        place = ctypes.c_void_p()
        _succeed(self.library.cudaMalloc(ctypes.byref(place), count), "cudaMalloc of {} bytes".format(count))
        return int(place.value or 0)

    def upload(self, place: int, array: np.ndarray) -> None:
        """A C-contiguous array to the device."""
        _succeed(self.library.cudaMemcpy(place, array.ctypes.data, array.nbytes, UPLOAD), "cudaMemcpy to the device")

    def download(self, array: np.ndarray, place: int) -> None:
        """What is on the device into a C-contiguous array."""
        _succeed(self.library.cudaMemcpy(array.ctypes.data, place, array.nbytes, DOWNLOAD), "cudaMemcpy to the host")

    def free(self, place: int) -> None:
        """Give memory back."""
        _succeed(self.library.cudaFree(place), "cudaFree")


class Pycuda:
    """The same through pycuda, in the context that pycuda.autoinit makes."""

    def __init__(self) -> None:
        import pycuda.autoinit  # noqa: F401 - makes the context
        import pycuda.driver as driver

        self.driver = driver
        self.held: Dict[int, Any] = {}

    def allocate(self, count: int) -> int:
        """`count` bytes on the device."""
        memory = self.driver.mem_alloc(count)
        self.held[int(memory)] = memory
        return int(memory)

    def upload(self, place: int, array: np.ndarray) -> None:
        """A C-contiguous array to the device."""
        self.driver.memcpy_htod(place, array)

    def download(self, array: np.ndarray, place: int) -> None:
        """What is on the device into a C-contiguous array."""
        self.driver.memcpy_dtoh(array, place)

    def free(self, place: int) -> None:
        """Give memory back."""
        self.held.pop(place).free()


class CudaPython:
    """The same through cuda-python: `cuda.bindings.runtime`, or `cuda.cudart` of its older versions."""

    def __init__(self) -> None:
        try:
            from cuda.bindings import runtime
        except ImportError:
            from cuda import cudart as runtime
        self.runtime = runtime

    def allocate(self, count: int) -> int:
        """`count` bytes on the device."""
        wrong, place = self.runtime.cudaMalloc(count)
        _succeed(int(wrong), "cudaMalloc of {} bytes".format(count))
        return int(place)

    def upload(self, place: int, array: np.ndarray) -> None:
        """A C-contiguous array to the device."""
        self._copy(place, array.ctypes.data, array.nbytes, self.runtime.cudaMemcpyKind.cudaMemcpyHostToDevice)

    def download(self, array: np.ndarray, place: int) -> None:
        """What is on the device into a C-contiguous array."""
        self._copy(array.ctypes.data, place, array.nbytes, self.runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost)

    def free(self, place: int) -> None:
        """Give memory back."""
        _succeed(int(self.runtime.cudaFree(place)[0]), "cudaFree")

    def _copy(self, target: int, source: int, count: int, kind: Any) -> None:
        _succeed(int(self.runtime.cudaMemcpy(target, source, count, kind)[0]), "cudaMemcpy")


KINDS: Dict[str, Callable[[], Any]] = {
    "ctypes": Cudart,
    "pycuda": Pycuda,
    "cuda-python": CudaPython,
}


def memory(kind: str = "ctypes") -> Any:
    """One of KINDS, ready. EngineError where its package is not installed."""
    try:
        return KINDS[kind]()
    except ImportError:
        raise EngineError("--buffers: {} is not installed for this Python; ctypes needs nothing".format(kind)) from None


def _present() -> Any:
    library = cudart()
    if library is None or not devices():
        tried = ", ".join([*CUDART, *packaged()])
        lack = "no CUDA device answers" if library else "none of {} is here".format(tried)
        raise EngineError("cuda: {}; a machine with an NVIDIA GPU and its driver would be right".format(lack))
    return library


def _succeed(code: int, what: str) -> None:
    if code:
        raise EngineError(
            "cuda: {} failed with error {}; free memory, or another device, would be right".format(what, code)
        )
