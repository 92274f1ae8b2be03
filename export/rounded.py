"""What a typed fp16 graph gives where float16 is real: onnxruntime on a CPU computes it in float32 throughout."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from export.passes import infer


def rounded(source: Path, target: Path) -> None:
    """Write at `target` the fp16 graph at `source` with float32 arithmetic, every tensor rounded to float16 by casts.

    Sums inside a layer are of float32, as tensor cores have them; numbers beyond float16 become infinite.
    """
    model = onnx.load(source)
    halves = _halves(model)
    for one in model.graph.initializer:
        if one.data_type == TensorProto.FLOAT16:
            one.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(one).astype(np.float32), one.name))
    nodes = [part for node in model.graph.node for part in _whole(node, halves)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    infer(model)
    onnx.checker.check_model(model, full_check=True)
    target.write_bytes(model.SerializeToString(deterministic=True))


def _halves(model: ModelProto) -> set[str]:
    """The tensors that are float16."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    return {one.name for one in graph.value_info if one.type.tensor_type.elem_type == TensorProto.FLOAT16}


def _whole(node: NodeProto, halves: set[str]) -> Iterator[NodeProto]:
    """The node in float32, its float16 results rounded behind it."""
    if node.op_type == "Cast" and halves & {*node.input, *node.output}:
        if node.output[0] in halves:
            yield from _pair(node.input[0], node.output[0])
        else:  # rounded already
            yield helper.make_node("Identity", node.input, node.output, node.name)
        return
    results = [name for name in node.output if name in halves]
    node.output[:] = [f"{name}/whole" if name in results else name for name in node.output]
    for one in node.attribute:
        if one.t.data_type == TensorProto.FLOAT16:
            one.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(one.t).astype(np.float32), one.t.name))
    yield node
    for name in results:
        yield from _pair(f"{name}/whole", name)


def _pair(source: str, result: str) -> Iterator[NodeProto]:
    half = f"{result}/half"
    yield helper.make_node("Cast", [source], [half], f"{half}/Cast", to=TensorProto.FLOAT16)
    yield helper.make_node("Cast", [half], [result], f"{result}/Cast", to=TensorProto.FLOAT)
