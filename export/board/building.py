"""ONNX to a TensorRT engine: one source for TensorRT 8.2 to 11. Travels: Python 3.6, standard library.

What a TensorRT can do is asked of its own names, never of its version number.
"""

import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

if __package__:
    from export.board import stamp
    from export.board.engine import tensorrt
    from export.board.faults import EngineError
else:  # on the board the files lie side by side
    import stamp  # type: ignore[import-not-found,no-redef]
    from engine import tensorrt  # type: ignore[import-not-found,no-redef]
    from faults import EngineError  # type: ignore[import-not-found,no-redef]

PRECISIONS = ("float32", "float16", "int8")
FLAGS = ("FP16", "INT8", "TF32")
MIB = 1 << 20


class Wish(NamedTuple):
    """What is to be built: the graph's own arithmetic (float32, float16 or int8 where its types say so), the
    engine's, MiB of workspace, and where tactics are kept for the next build."""

    graph: str
    precision: str
    workspace: int
    cache: Path


def build(onnx: Path, engine: Path, wish: Wish, trt: Any = None) -> Dict[str, Any]:
    """Write `engine` and its stamp from an ONNX file; what the stamp says.

    EngineError where TensorRT does not take the graph, in its parser's words, or lacks the precision.
    """
    suit(wish)
    trt = trt or tensorrt()
    logger = trt.Logger(trt.Logger.WARNING)
    trt.init_libnvinfer_plugins(logger, "")
    builder = trt.Builder(logger)
    fast(builder, wish)
    network = builder.create_network(kind(trt, wish))
    parse(trt, network, logger, onnx)
    config = builder.create_builder_config()
    room(trt, config, wish.workspace * MIB)
    flags = lower(trt, config, wish)
    tactics(config, wish.cache)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(
            "{}: TensorRT built nothing, its own lines above say why; more memory (swap) or a smaller --workspace than "
            "{} MiB would be right".format(onnx, wish.workspace)
        )
    save(engine, bytes(plan))
    keep(config, wish.cache)
    names = [network.get_output(place).name for place in range(network.num_outputs)]
    told = dict(stamp.surroundings(trt), precision=wish.precision, onnx=stamp.digest(onnx), flags=flags)
    told.update(outputs=names, workspace_mib=wish.workspace)
    stamp.write(engine, told)
    return told


def suit(wish: Wish) -> None:
    """EngineError where the graph cannot become that: int8 and typed fp16 are in the graph, or nowhere."""
    possible = {"float32": ("float32", "float16"), "float16": ("float16",), "int8": ("int8",)}[wish.graph]
    if wish.precision not in possible:
        right = " or ".join(possible)
        raise EngineError(
            "--precision {}: the graph is in {}; {} would be right".format(wish.precision, wish.graph, right)
        )


def fast(builder: Any, wish: Wish) -> None:
    """EngineError where the GPU has no such arithmetic: a network in int8 does not build there at all."""
    asked = {"float16": "platform_has_fast_fp16", "int8": "platform_has_fast_int8"}.get(wish.precision)
    if asked and not getattr(builder, asked, True):
        other = "float16" if wish.precision == "int8" else "float32"
        raise EngineError(
            "--precision {}: this GPU has no fast {}; a float graph with --precision {} would be right".format(
                wish.precision, wish.precision, other
            )
        )


def kind(trt: Any, wish: Wish) -> int:
    """The network's creation flags: explicit batch where there is another, types as they are where they are fp16's."""
    flags, found = trt.NetworkDefinitionCreationFlag, 0
    if hasattr(flags, "EXPLICIT_BATCH"):
        found |= 1 << int(flags.EXPLICIT_BATCH)
    if typed(trt, wish):
        found |= 1 << int(flags.STRONGLY_TYPED)
    return found


def typed(trt: Any, wish: Wish) -> bool:
    """Whether the graph's own types are all that is to be said: fp16 in the graph, where TensorRT can be told so."""
    return wish.graph == "float16" and hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")


def parse(trt: Any, network: Any, logger: Any, onnx: Path) -> None:
    """Put the graph into the network."""
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx.read_bytes()):
        said = [parser.get_error(place).desc() for place in range(parser.num_errors)]
        raise EngineError("{}: TensorRT {} does not take it: {}".format(onnx, trt.__version__, "; ".join(said)))


def room(trt: Any, config: Any, count: int) -> None:
    """Scratch memory in bytes."""
    if hasattr(config, "set_memory_pool_limit"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, count)
    else:
        config.max_workspace_size = count


def lower(trt: Any, config: Any, wish: Wish) -> List[str]:
    """Allow the precision's flags, where types do not say it all; which of FLAGS are set.

    float32 means float32: TF32 is taken away. An int8 engine may compute in fp16 what the graph leaves in float.
    EngineError where this TensorRT takes types from the graph alone, and the graph has others.
    """
    known = [name for name in FLAGS if hasattr(trt.BuilderFlag, name)]
    needs: Dict[str, List[str]] = {"float32": [], "float16": ["FP16"], "int8": ["INT8", "FP16"]}
    wanted = needs[wish.precision]
    if wish.precision != wish.graph and wanted and wanted[0] not in known:
        raise EngineError(
            "--precision {}: TensorRT {} has no {} flag, types are the graph's; --precision {} or a graph in {} would "
            "be right".format(wish.precision, trt.__version__, wanted[0], wish.graph, wish.precision)
        )
    if wish.precision == "float32" and "TF32" in known:
        config.clear_flag(trt.BuilderFlag.TF32)
    for name in wanted:
        if name in known and not typed(trt, wish):
            config.set_flag(getattr(trt.BuilderFlag, name))
    return [name for name in known if config.get_flag(getattr(trt.BuilderFlag, name))]


def tactics(config: Any, cache: Path) -> None:
    """Begin with the tactics of an earlier build: minutes become seconds, and engines become alike."""
    known = cache.read_bytes() if cache.is_file() else b""
    made = config.create_timing_cache(known)
    if made is None or not config.set_timing_cache(made, False):  # of another device, TensorRT or CUDA
        config.set_timing_cache(config.create_timing_cache(b""), False)


def keep(config: Any, cache: Path) -> None:
    """Keep the tactics for the next build."""
    made = config.get_timing_cache()
    if made is not None:
        save(cache, bytes(made.serialize()))


def save(path: Path, content: bytes) -> None:
    """A file, whole or not at all."""
    beside = path.with_name("." + path.name)
    beside.write_bytes(content)
    os.replace(str(beside), str(path))
