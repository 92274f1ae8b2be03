"""What a graph wants to be called with."""

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from export.errors import Unreadable


def shape(path: Path) -> tuple[int, ...]:
    """The sizes of a graph's first input, 1 where a size is left open. Raises Unreadable."""
    return tuple(size.dim_value or 1 for size in _input(path).type.tensor_type.shape.dim)


def grey(path: Path) -> np.ndarray:
    """A grey image as the graph takes it. Raises Unreadable."""
    return np.full(shape(path), 114, pixels(path))


def pixels(path: Path) -> str:
    """The type of a graph's pixels: float32, or uint8. Raises Unreadable."""
    return str(onnx.helper.tensor_dtype_to_np_dtype(_input(path).type.tensor_type.elem_type))


def _input(path: Path) -> onnx.ValueInfoProto:
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
    return inputs[0]
