"""A float ONNX file becomes a typed fp16 one: weights and arithmetic in float16, casts written down, ends in float32.

TensorRT 11 takes types as they stand in the graph; older ones may be told to choose float16 themselves.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from export.errors import ExportError
from export.nodes import QDQ
from export.passes import drop_unused, infer
from export.pixels import normalising
from export.ranges import Ranges

MOST = 65504.0 / 4  # a quarter of float16's largest: other photos, and sums inside a layer, may go further
# float32 in ONNX itself or in runtimes; the suppression's scores also for TensorRT 8.2, whose fp16 ones turn negative.
_FLOAT = ["NonMaxSuppression", "EfficientNMS_TRT", "TopK", "Range", "CumSum", "RoiAlign"]


def halve(source: Path, target: Path, ranges: Ranges) -> tuple[str, ...]:
    """Write at `target` the float graph at `source` in float16; return the names of nodes left in float32.

    Inputs and outputs stay float32, opset and metadata as they are. In float32 stay the normalisation of pixels, and
    every node that takes, gives or holds a number beyond MOST: `ranges` are those of its tensors on real photos.
    Raises ExportError where the graph is quantized, or in float16 already.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(source)
    _check(model)
    wide = _wide(model, ranges)
    cast = convert_float_to_float16(
        model,
        keep_io_types=True,
        disable_shape_infer=True,  # ours are inferred
        op_block_list=_FLOAT,
        node_block_list=wide,
    )
    _order(cast.graph)
    _uncast(cast.graph)
    for rewrite in (drop_unused, infer):
        rewrite(cast)
    onnx.checker.check_model(cast, full_check=True)
    target.write_bytes(cast.SerializeToString(deterministic=True))
    return tuple(node.name for node in cast.graph.node if node.name in wide or node.op_type in _FLOAT)


def _check(model: ModelProto) -> None:
    if any(node.op_type in QDQ for node in model.graph.node):
        raise ExportError("the graph is quantized; give the float one")
    if any(one.data_type == TensorProto.FLOAT16 for one in model.graph.initializer):
        raise ExportError("the graph is in float16 already; give the float32 one")


def _wide(model: ModelProto, ranges: Ranges) -> list[str]:
    """The nodes that float16 cannot hold, and those that normalise pixels."""
    far = {name for name, (low, high) in ranges.items() if max(-low, high) > MOST}
    for one in model.graph.initializer:
        if one.data_type == TensorProto.FLOAT and np.abs(numpy_helper.to_array(one)).max(initial=0) > MOST:
            far.add(one.name)
    first = set(normalising(model))
    return [node.name for node in model.graph.node if node.name in first or far & {*node.input, *node.output}]


def _uncast(graph: GraphProto) -> None:
    """Where one node in float32 feeds another, the library goes through float16, which may be infinite there."""
    halved = {node.output[0]: node.input[0] for node in graph.node if _casts(node, TensorProto.FLOAT16)}
    back = {node.output[0]: halved[node.input[0]] for node in graph.node if _returns(node, halved)}
    results = {one.name for one in graph.output}
    for node in graph.node:
        node.input[:] = [back.get(name, name) for name in node.input]
        if node.output[0] in back and node.output[0] in results:
            node.op_type = "Identity"
            node.input[:] = [back[node.output[0]]]
            del node.attribute[:]
    _drop(graph)
    for node in [one for one in graph.node if one.op_type == "Identity" and one.output[0] in results]:
        _hand_on(graph, node)


def _hand_on(graph: GraphProto, node: NodeProto) -> None:
    """The result's name goes to whatever makes it."""
    source, result = node.input[0], node.output[0]
    graph.node.remove(node)
    for one in graph.node:
        one.output[:] = [result if name == source else name for name in one.output]
        one.input[:] = [result if name == source else name for name in one.input]


def _casts(node: NodeProto, kind: int) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == kind


def _returns(node: NodeProto, halved: dict[str, str]) -> bool:
    return _casts(node, TensorProto.FLOAT) and node.input[0] in halved


def _drop(graph: GraphProto) -> None:
    """Casts that nothing reads any more."""
    needed, kept = {one.name for one in graph.output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))


def _order(graph: GraphProto) -> None:
    """The library adds its casts at the end: every node behind what it reads again."""
    known = {one.name for one in (*graph.input, *graph.initializer)} | {""}
    waiting, sorted_ = list(graph.node), list[NodeProto]()
    while waiting:
        ready = next(node for node in waiting if set(node.input) <= known)
        waiting.remove(ready)
        known.update(ready.output)
        sorted_.append(ready)
    del graph.node[:]
    graph.node.extend(sorted_)
