import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

from export.clips import merge_clips
from export.sessions import outputs

CONSTANTS = {"zero": 0.0, "one": 1.0, "four": 4.0, "six": 6.0}
RELU, RELU6 = ("Relu",), ("Clip", "zero", "six")


def chain(steps: list[tuple[str, ...]]) -> ModelProto:
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 400]) for name in ("x0", f"x{len(steps)}")]
    nodes = [helper.make_node(op, [f"x{n}", *bounds], [f"x{n + 1}"]) for n, (op, *bounds) in enumerate(steps)]
    known = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in CONSTANTS.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], known)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([RELU, RELU], ["Relu"]),
        ([RELU6, RELU, RELU], ["Clip"]),
        ([RELU, ("Clip", "", "six"), ("Clip", "one", "four")], ["Clip"]),
        ([("Clip", "one", "four"), ("Clip", "six")], ["Clip"]),  # nothing lies in both
        ([("Clip", "", "four"), ("Clip", "", "six")], ["Clip"]),
        ([RELU6, ("Neg",), RELU], ["Clip", "Neg", "Relu"]),
    ],
)
def test_activations_in_a_row_become_one_and_the_function_stays(steps: list[tuple[str, ...]], left: list[str]) -> None:
    model = chain(steps)
    x = np.linspace(-10, 10, 400, dtype=np.float32)[None]
    (right,) = outputs(model, x)
    merge_clips(model)
    assert [node.op_type for node in model.graph.node] == left
    np.testing.assert_array_equal(outputs(model, x)[0], right)


def test_an_activation_that_is_read_twice_stays() -> None:
    model = chain([RELU6, RELU])
    model.graph.output.append(helper.make_tensor_value_info("x1", onnx.TensorProto.FLOAT, [1, 400]))
    merge_clips(model)
    assert [node.op_type for node in model.graph.node] == ["Clip", "Relu"]
