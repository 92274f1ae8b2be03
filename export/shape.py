"""What a graph wants to be called with."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from export.errors import Unreadable


def shape(path: Path) -> tuple[int, ...]:
    """The sizes of a graph's first input, 1 where a size is left open. Raises Unreadable."""
    if not path.is_file():
        raise Unreadable(f"{path}: no such file; give a model file")
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except (OSError, DecodeError) as error:
        raise Unreadable(f"{path}: not an ONNX file ({error}); give a whole .onnx file") from None
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    if not inputs:
        raise Unreadable(f"{path}: a graph without an input; give the graph of a network")
    return tuple(size.dim_value or 1 for size in inputs[0].type.tensor_type.shape.dim)
