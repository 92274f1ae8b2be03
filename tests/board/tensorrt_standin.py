"""A stand-in for TensorRT's Python bindings, run as the module `tensorrt`: Python 3.6, written for these tests.

$STANDIN is the generation (8.2, 8.6, 10.3, 11.4): only the names that it has are here (`python -m tests.board.api`
holds them against the real bindings). Engines are ONNX files that onnxruntime computes, from and to the pointers that
`execute_v2` is given.
"""

import ctypes
import enum
import json
import os

import numpy as np
import onnxruntime

GENERATION = os.environ["STANDIN"]
TENSORS = GENERATION != "8.2"
BINDINGS = GENERATION in ("8.2", "8.6")
WEAK = GENERATION != "11.4"
__version__ = {"8.2": "8.2.1.8", "8.6": "8.6.1", "10.3": "10.3.0", "11.4": "11.4.0.106"}[GENERATION]
SLOW = os.environ.get("STANDIN_SLOW", "").split(",")  # arithmetic that this GPU lacks
MAGIC = b"standin "


class DataType(enum.Enum):
    FLOAT, HALF, INT8, INT32 = range(4)
    if GENERATION != "8.2":
        UINT8 = 5


KINDS = {"tensor(float)": (DataType.FLOAT, np.float32)}


if TENSORS:

    class TensorIOMode(enum.Enum):
        NONE, INPUT, OUTPUT = range(3)


class NetworkDefinitionCreationFlag(enum.IntEnum):
    if WEAK:
        EXPLICIT_BATCH = 0
    if GENERATION in ("10.3", "11.4"):
        STRONGLY_TYPED = 1


class BuilderFlag(enum.IntEnum):
    if WEAK:
        FP16 = 0
        INT8 = 2
    TF32 = 6


if GENERATION != "8.2":

    class MemoryPoolType(enum.IntEnum):
        WORKSPACE = 0


class Logger:
    WARNING = 2

    def __init__(self, level):
        self.level = level


def init_libnvinfer_plugins(logger, space):
    return isinstance(logger, Logger) and space == ""


class ITimingCache:
    def __init__(self, content):
        self.content = content

    def serialize(self):
        return b"tactics of " + __version__.encode()


class IBuilderConfig:
    def __init__(self):
        self.set, self.cache, self.pool = {BuilderFlag.TF32}, None, 0
        if BINDINGS:
            self.max_workspace_size = 16 << 20

    def set_flag(self, flag):
        self.set.add(flag)

    def clear_flag(self, flag):
        self.set.discard(flag)

    def get_flag(self, flag):
        return flag in self.set

    def create_timing_cache(self, content):
        return ITimingCache(content)

    def set_timing_cache(self, cache, ignore_mismatch):
        if cache.content and cache.content != b"tactics of " + __version__.encode():
            return False
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache


if GENERATION != "8.2":
    IBuilderConfig.set_memory_pool_limit = lambda self, pool, size: setattr(self, "pool", (pool, size))


class ITensor:
    def __init__(self, name):
        self.name = name


class INetworkDefinition:
    def __init__(self, flags):
        if WEAK and GENERATION != "10.3" and not flags & 1:
            raise RuntimeError("this TensorRT's parser wants an explicit batch")
        self.flags, self.graph, self.outputs = flags, b"", []

    @property
    def num_outputs(self):
        return len(self.outputs)

    def get_output(self, place):
        return ITensor(self.outputs[place])


class ParserError:
    def __init__(self, said):
        self.said = said

    def desc(self):
        return self.said


class OnnxParser:
    def __init__(self, network, logger):
        self.network, self.errors = network, []

    def parse(self, content):
        try:
            session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as wrong:
            self.errors.append(ParserError("no importer: " + str(wrong).splitlines()[0]))
            return False
        self.network.graph, self.network.outputs = content, [one.name for one in session.get_outputs()]
        return True

    @property
    def num_errors(self):
        return len(self.errors)

    def get_error(self, place):
        return self.errors[place]


class Builder:
    def __init__(self, logger):
        if not os.environ.get("STANDIN_DEVICES", "1") != "0":
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def create_network(self, flags=0):
        return INetworkDefinition(flags)

    def create_builder_config(self):
        return IBuilderConfig()

    def build_serialized_network(self, network, config):
        room = getattr(config, "max_workspace_size", 0) if GENERATION == "8.2" else config.pool[1]
        if room < 2 << 20:
            return None
        facts = {"version": __version__, "flags": sorted(int(one) for one in config.set), "network": network.flags}
        return MAGIC + json.dumps(facts).encode() + b"\n" + network.graph


if WEAK:
    Builder.platform_has_fast_fp16 = property(lambda self: "float16" not in SLOW)
    Builder.platform_has_fast_int8 = property(lambda self: "int8" not in SLOW)


class Runtime:
    def __init__(self, logger):
        self.logger = logger

    def deserialize_cuda_engine(self, plan):
        head, _, graph = plan.partition(b"\n")
        if not head.startswith(MAGIC) or json.loads(head[len(MAGIC) :].decode())["version"] != __version__:
            return None
        return ICudaEngine(graph)


class ICudaEngine:
    """Outputs come before the input, and in another order than the graph's: whoever counts on places is found out."""

    def __init__(self, graph):
        self._session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._every = [(one, False) for one in reversed(outputs)] + [(one, True) for one in inputs]

    def create_execution_context(self):
        return IExecutionContext(self)


class IExecutionContext:
    def __init__(self, engine):
        self._engine = engine

    def execute_v2(self, bindings):
        given, wanted = {}, []
        for (one, is_input), place in zip(self._engine._every, bindings):
            if is_input:
                kind = KINDS[one.type][1]
                count = int(np.prod(one.shape)) * np.dtype(kind).itemsize
                given[one.name] = np.frombuffer(ctypes.string_at(place, count), kind).reshape(one.shape)
            else:
                wanted.append((one.name, place))
        for (_, place), array in zip(wanted, self._engine._session.run([name for name, _ in wanted], given)):
            content = np.ascontiguousarray(array).tobytes()
            ctypes.memmove(place, content, len(content))
        return True


if BINDINGS:
    ICudaEngine.num_bindings = property(lambda self: len(self._every))
    ICudaEngine.get_binding_name = lambda self, place: self._every[place][0].name
    ICudaEngine.binding_is_input = lambda self, place: self._every[place][1]
    ICudaEngine.get_binding_shape = lambda self, place: tuple(self._every[place][0].shape)
    ICudaEngine.get_binding_dtype = lambda self, place: KINDS[self._every[place][0].type][0]

if TENSORS:

    def _entry(engine, name):
        return next(pair for pair in engine._every if pair[0].name == name)

    ICudaEngine.num_io_tensors = property(lambda self: len(self._every))
    ICudaEngine.get_tensor_name = lambda self, place: self._every[place][0].name
    ICudaEngine.get_tensor_mode = lambda self, name: (
        TensorIOMode.INPUT if _entry(self, name)[1] else TensorIOMode.OUTPUT
    )
    ICudaEngine.get_tensor_shape = lambda self, name: tuple(_entry(self, name)[0].shape)
    ICudaEngine.get_tensor_dtype = lambda self, name: KINDS[_entry(self, name)[0].type][0]
