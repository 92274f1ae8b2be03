"""An ONNX file, read: its model, its opset, what its Constant nodes hold."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, NodeProto, TensorProto

from export.errors import Unreadable


def load(path: Path, weights: bool = False) -> ModelProto:
    """The model at `path`; with `weights` those that lie outside the file too. Raises Unreadable."""
    if not path.is_file():
        raise Unreadable(f"{path}: no such file; give an .onnx file")
    try:
        model = onnx.load(path, load_external_data=weights)
    except (OSError, DecodeError, onnx.checker.ValidationError) as error:
        said = str(error).partition("\n")[0]
        raise Unreadable(f"{path}: cannot be read as ONNX ({said}); give a whole .onnx file") from None
    if not model.graph.node:
        raise Unreadable(f"{path}: holds no graph; give an .onnx file")
    return model


def opset(model: ModelProto) -> int:
    """The version of ONNX's own operators; 1 where none is told."""
    return next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 1)


def constant(node: NodeProto) -> TensorProto | None:
    """What a Constant node holds; None for any other node, and for a value that is no tensor."""
    values = [one.t for one in node.attribute if one.name == "value"]
    return values[0] if node.op_type == "Constant" and values else None
