"""What a graph wants to be called with."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import onnx

from export.errors import ExportError, Unreadable
from export.file import load

Sizes = tuple[int | None, ...]
GREY = 114
INT8 = {"QuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}


def shape(path: Path) -> tuple[int, ...]:
    """The sizes of a graph's first input, 1 where a size is left open. Raises Unreadable."""
    return tuple(size or 1 for size in next(iter(inputs(path).values()))[0])


def grey(path: Path) -> np.ndarray:
    """A grey image as the graph takes it. Raises Unreadable."""
    return np.full(shape(path), GREY, pixels(path))


def pixels(path: Path) -> str:
    """The type of a graph's pixels: float32, or uint8. Raises Unreadable."""
    return next(iter(inputs(path).values()))[1]


def inputs(path: Path) -> dict[str, tuple[Sizes, str]]:
    """{name: (sizes, None where one is left open, type as numpy calls it)} of every input. Raises Unreadable."""
    found = _inputs(load(path).graph, path)
    if odd := [one.name for one in found if not one.type.tensor_type.elem_type]:
        raise Unreadable(f"{path}: input {odd[0]} is no tensor; a graph whose inputs are tensors would be right")
    return {one.name: (_sizes(one), _kind(one)) for one in found}


def precision(path: Path) -> str:
    """The arithmetic that a graph's operators and weights tell: int8, float16 or float32. Raises Unreadable."""
    graph = load(path).graph
    if any(node.op_type in INT8 for node in graph.node):
        return "int8"
    halves = sum(one.data_type == onnx.TensorProto.FLOAT16 for one in graph.initializer)
    floats = sum(one.data_type == onnx.TensorProto.FLOAT for one in graph.initializer)
    return "float16" if halves > floats else "float32"


def normed(path: Path) -> bool:
    """Whether batch norms are left in a graph. Raises Unreadable."""
    return any(node.op_type == "BatchNormalization" for node in load(path).graph.node)


def asked(path: Path, sizes: Mapping[str, tuple[int, ...]], batch: int | None = None) -> dict[str, tuple[int, ...]]:
    """{name: sizes} to call a graph with: its own, `sizes` where given, `batch` as the first where given.

    `sizes` are by an input's name, or under "" for every 4-dimensional input with open sizes: (height, width).
    An open first size is 1 unless given. Raises ExportError for an input that is not there, for a size that the
    graph has otherwise, and for one that stays open.
    """
    known = inputs(path)
    if strange := [name for name in sizes if name and name not in known]:
        raise ExportError(f"{path}: no input {strange[0]!r}; there are {', '.join(known)}")
    found = {name: _settle(path, name, own, sizes) for name, (own, _) in known.items()}
    return found if batch is None else {name: (batch, *one[1:]) if one else one for name, one in found.items()}


def feeds(path: Path, sizes: Mapping[str, tuple[int, ...]], seed: int | None = None) -> dict[str, np.ndarray]:
    """{name: array} of these sizes: images grey, other floats 0.5, integers 1, or drawn where a seed is given."""
    draw = None if seed is None else np.random.default_rng(seed)
    return {name: _made(sizes[name], kind, draw) for name, (_, kind) in inputs(path).items()}


def _settle(path: Path, name: str, own: Sizes, sizes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    given = sizes.get(name, _image(own, sizes.get("", ())))
    open_ = [place for place, size in enumerate(own) if size is None]
    if given and (len(given) != len(own) or any(own[n] not in (None, size) for n, size in enumerate(given))):
        raise ExportError(f"{path}: input {name} is {_word(own)}, {_word(given)} was given; sizes for its ? are wanted")
    if not given and any(open_):
        example = "x".join("1" if place == 0 else str(size or 300) for place, size in enumerate(own))
        raise ExportError(f"{path}: input {name} is {_word(own)}, sizes left open; give them: --size {name}={example}")
    return given or tuple(size or 1 for size in own)


def _image(own: Sizes, plane: tuple[int, ...]) -> tuple[int, ...]:
    """An image's sizes with `plane` (height, width) where it leaves some open; () where there is nothing to say."""
    if len(own) != 4 or None not in own[1:] or len(plane) != 2:
        return ()
    last = own[3] in (1, 3, 4) and own[1] not in (1, 3, 4)  # NHWC
    pair = (1, 2) if last else (2, 3)
    settled = {place: own[place] or size for place, size in zip(pair, plane, strict=True)}
    return tuple(settled.get(place, size or (1 if place == 0 else 3)) for place, size in enumerate(own))


def _word(sizes: Iterable[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes) or "a number"


def _made(sizes: tuple[int, ...], kind: str, draw: np.random.Generator | None) -> np.ndarray:
    image = len(sizes) == 4
    if kind.startswith("float"):
        values = draw.uniform(0, 255 if image else 1, sizes) if draw else np.full(sizes, GREY if image else 0.5)
    elif kind == "uint8" and image:
        values = draw.integers(0, 256, sizes) if draw else np.full(sizes, GREY)
    else:
        values = draw.integers(0, 2, sizes) if draw else np.ones(sizes)
    return np.asarray(values).astype(kind)


def _sizes(one: onnx.ValueInfoProto) -> Sizes:
    return tuple(size.dim_value or None for size in one.type.tensor_type.shape.dim)


def _kind(one: onnx.ValueInfoProto) -> str:
    return str(onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type))


def _inputs(graph: onnx.GraphProto, path: Path) -> list[onnx.ValueInfoProto]:
    constants = {tensor.name for tensor in graph.initializer}
    found = [one for one in graph.input if one.name not in constants]
    if not found:
        raise Unreadable(f"{path}: a graph without an input; give the graph of a network")
    return found
