"""Somebody else's float ONNX file becomes a graph that every stage here can take: fixed, folded, with named nodes."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto, numpy_helper

from export.clips import merge_clips
from export.errors import ExportError
from export.file import constant, load, opset
from export.gates import spell_gates
from export.intake import KEY, Scale
from export.nodes import QDQ, walk
from export.passes import drop_unused, fold_constants, fold_pads, infer, skip_nothings
from export.shape import INT8

OPSET = 13  # the oldest whose weights can be quantized per channel
IR = 7  # the oldest that may hold that
_SUPPRESSING = ("NonMaxSuppression", "TopK", "EfficientNMS_TRT", "BatchedNMS_TRT", "BatchedNMSDynamic_TRT", "NMS_TRT")
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FAR = 20.0  # dividing pixels by more than this is what only a graph that takes 0..255 does


@dataclass(frozen=True, slots=True)
class Read:
    """A foreign graph that can be adopted: its model, the image input, and the size (height, width) or 0 if open."""

    model: ModelProto
    image: ValueInfoProto
    size: tuple[int, int]
    channels_last: bool


def read(path: Path) -> Read:
    """The file at `path`. Raises Unreadable where it is none, ExportError where it cannot be adopted, and why."""
    model = load(path, weights=True)
    constants = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs) or "none"
        raise ExportError(f"{path}: {len(inputs)} inputs ({names}); a graph with one image for input would be right")
    _refuse(model, path)
    image = inputs[0]
    kind = image.type.tensor_type.elem_type
    if kind not in (onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8):
        word = onnx.TensorProto.DataType.Name(kind).lower()
        raise ExportError(f"{path}: {image.name} is {word}; a graph whose image is float32 or uint8 would be right")
    sizes = [size.dim_value for size in image.type.tensor_type.shape.dim]
    if len(sizes) != 4 or 3 not in (sizes[1], sizes[3]):
        raise ExportError(f"{path}: {image.name} is {_shown(image)}; an image (1, 3, H, W) or (1, H, W, 3) is right")
    last = sizes[1] != 3
    height, width = sizes[1:3] if last else sizes[2:4]
    return Read(model, image, (height, width), last)


def scale(found: Read) -> Scale | None:
    """How pixels are scaled for the graph, by what it says itself: metadata, its own first nodes; None: not said."""
    told = {one.key: one.value for one in found.model.metadata_props}
    if KEY in told:
        return Scale.read(told[KEY])
    if found.image.type.tensor_type.elem_type == onnx.TensorProto.UINT8 or _normalises(found):
        return Scale()
    if "Ultralytics" in told.get("author", "") or {"stride", "names", "task"} <= set(told):
        return Scale.called("0..1", "RGB")
    return None


def sized(path: Path, size: tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) that the graph at `path` will take. Raises ExportError where it cannot be adopted at `size`."""
    return _size(read(path), size, path)


def adopt(path: Path, target: Path, scaled: Scale, size: tuple[int, int] | None = None) -> None:
    """Write at `target` the graph at `path` with batch 1 and, if it leaves it open, this (height, width).

    What does not depend on the image is folded, batch norms into convolutions (by onnxruntime), paddings too; nodes
    have names of their own; opset 13 at least; the metadata say how pixels are scaled. Names of input and outputs
    stay, so the file takes the place of the one it came from.
    Raises ExportError where a size is missing or contradicts the graph's own, or where onnxruntime refuses the file.
    """
    found = read(path)
    model = found.model
    _fix(found, _size(found, size, path))
    old, ir = opset(model), model.ir_version
    if old < OPSET:
        model = _newer(model, path)
    model = _folded(model, path)
    model.ir_version = max(ir, IR)
    _name(model.graph)
    for rewrite in (fold_constants, skip_nothings, merge_clips, spell_gates, fold_pads, drop_unused, infer):
        rewrite(model)
    told = {one.key: one.value for one in found.model.metadata_props}
    onnx.helper.set_model_props(model, dict(sorted({**told, KEY: str(scaled)}.items())))
    target.write_bytes(model.SerializeToString(deterministic=True))


def tail(path: Path) -> tuple[str, ...]:
    """The nodes behind the last layers with weights: decoding of boxes, which int8 would round to whole pixels."""
    graph = onnx.load(path, load_external_data=False).graph
    before: set[str] = set()  # tensors that some weighted layer comes after
    behind = []
    for node in reversed(graph.node):
        if node.op_type in WEIGHTED or before & set(node.output):
            before.update(node.input)
        else:
            behind.append(node.name)
    return tuple(reversed(behind))


def _refuse(model: ModelProto, path: Path) -> None:
    for node in walk(model.graph):
        if node.op_type in INT8 | set(QDQ):
            raise ExportError(
                f"{path}: {node.op_type} at {node.name or node.output[0]}: it is int8; give the float one"
            )
        if node.op_type in _SUPPRESSING:
            raise ExportError(
                f"{path}: {node.op_type} at {node.name or node.output[0]} sorts what was found, so two runs cannot be "
                "compared number by number; exported with raw outputs, without NMS, it would be right"
            )
    halves = [one.name for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT16]
    if halves:
        raise ExportError(f"{path}: {len(halves)} constants are float16, such as {halves[0]}; give the float32 file")


def _size(found: Read, asked: tuple[int, int] | None, path: Path) -> tuple[int, int]:
    """The graph's own size, or the asked one where it leaves it open."""
    if asked is None and not all(found.size):
        raise ExportError(
            f"{path}: {found.image.name} is {_shown(found.image)}: its size is open; --set adopt.size=640 or "
            "[480,640] would be right"
        )
    wanted = asked or found.size
    if any(own and own != given for own, given in zip(found.size, wanted, strict=True)):
        own = " x ".join(map(str, found.size))
        raise ExportError(f"{path}: size {wanted[0]} x {wanted[1]} given, and the graph takes {own}")
    return wanted


def _fix(found: Read, size: tuple[int, int]) -> None:
    shape = (1, *size, 3) if found.channels_last else (1, 3, *size)
    for one, value in zip(found.image.type.tensor_type.shape.dim, shape, strict=True):
        one.dim_value = value
    for result in found.model.graph.output:
        result.type.tensor_type.ClearField("shape")
    del found.model.graph.value_info[:]


def _newer(model: ModelProto, path: Path) -> ModelProto:
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except (RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        said = str(error).partition("\n")[0]
        raise ExportError(
            f"{path}: opset {opset(model)} cannot be raised to {OPSET}, which int8 needs ({said}); "
            f"exported with opset {OPSET} or newer it would be right"
        ) from None


def _folded(model: ModelProto, path: Path) -> ModelProto:
    """What onnxruntime folds before it fuses: only standard operators come of it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no error class of its own that covers a bad graph
            said = " ".join(str(error).split())
            raise ExportError(f"{path}: onnxruntime cannot run it: {said[:300]}") from None
        folded = onnx.load(options.optimized_model_filepath)
    used = {node.domain for node in walk(folded.graph)}
    kept = [one for one in folded.opset_import if one.domain == "" or one.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(kept)
    return folded


def _name(graph: GraphProto) -> None:
    """Every node has a name, and no two the same."""
    seen: set[str] = set()
    for node in graph.node:
        stem = node.name or f"{node.output[0]}/{node.op_type}"
        name, number = stem, 1
        while name in seen:
            number += 1
            name = f"{stem}.{number}"
        node.name = name
        seen.add(name)


def _normalises(found: Read) -> bool:
    """Whether the graph itself divides pixels by what only 0..255 is divided by."""
    graph = found.model.graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    values |= {
        node.output[0]: numpy_helper.to_array(held) for node in graph.node if (held := constant(node)) is not None
    }
    divided = 1.0
    for node, by in _chain(graph, found.image.name, values):
        divided *= {"Div": by, "Mul": 1 / by if by else 1.0}.get(node.op_type, 1.0)
    return divided > _FAR


def _chain(graph: GraphProto, tensor: str, values: dict[str, np.ndarray]) -> Iterator[tuple[NodeProto, float]]:
    """The nodes with a constant that an image goes through first, each with the mean of its constant."""
    passing = ("Add", "Sub", "Mul", "Div", "Cast", "Transpose", "Gather", "Identity")
    while len(users := [node for node in graph.node if tensor in node.input]) == 1:
        node = users[0]
        others = [name for name in node.input if name != tensor]
        if node.op_type not in passing or any(name not in values for name in others):
            return
        arithmetic = node.op_type in passing[:4]
        yield node, float(np.abs(values[others[0]]).mean()) if arithmetic and others else 1.0
        tensor = node.output[0]


def _shown(image: ValueInfoProto) -> str:
    sizes = [one.dim_value or one.dim_param or "?" for one in image.type.tensor_type.shape.dim]
    return f"({', '.join(map(str, sizes))})"
