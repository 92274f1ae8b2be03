"""Where an int8 graph rounds: the activations with a quantizer of their own, the nodes with int8 weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from export.nodes import QDQ
from export.ranges import heads
from export.sessions import outputs

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_RENAMED = "_QuantizeLinear_Input"  # onnxruntime's, where a graph's output is quantized


@dataclass(frozen=True, slots=True)
class Sites:
    """Names as in the float graph: quantized activations, those that are outputs or move into one, nodes."""

    activations: tuple[str, ...]
    whole: frozenset[str]
    weighted: tuple[str, ...]


def sites(dressed: Path) -> Sites:
    """Where the graph at `dressed` rounds.

    A tensor that shares its quantizer with the one it was moved from is left out: it is on the grid already.
    """
    model = onnx.load(dressed)
    constants = {one.name for one in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    found = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] not in constants:
            found[node.input[0].removesuffix(_RENAMED)] = node.input[1].removesuffix("_scale")
    own = tuple(name for name, owner in found.items() if name == owner)
    moved = _through(model.graph)
    whole = frozenset(name for name in own if name in moved)
    layers = (node for node in model.graph.node if node.op_type in WEIGHTED)  # a constant added is no weight
    weighted = tuple(node.name for node in layers if _int8(node.input[1], makers, constants))
    return Sites(own, whole, weighted)


def values(source: Path, image: np.ndarray, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The tensors called `names` in the float graph at `source`, for one image (1, 3, H, W)."""
    model = onnx.load(source)
    wanted = list(names)
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted)
    return dict(zip(wanted, outputs(model, image), strict=True))


def _through(graph: onnx.GraphProto) -> set[str]:
    """The outputs and what moves into them, quantizers between taken as moves."""
    bare = onnx.GraphProto()
    bare.CopyFrom(graph)
    for node in bare.node:
        if node.op_type in QDQ:
            node.op_type = "Identity"
    return {name.removesuffix(_RENAMED) for name in heads(bare)}


def _int8(name: str, makers: dict[str, onnx.NodeProto], constants: set[str]) -> bool:
    maker = makers.get(name)
    return maker is not None and maker.op_type == "DequantizeLinear" and maker.input[0] in constants
