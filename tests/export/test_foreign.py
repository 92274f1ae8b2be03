"""Foreign ONNX files with the well-known mistakes, each against the board that it fails on."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from export.lint import lint
from export.rules import load_rules

NANO = load_rules("tensorrt-8.2").on(["float32", "float16"])
ORIN = load_rules("tensorrt-10.3")


def const(name: str, values: object, dtype: type = np.int64) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def file(path: Path, nodes: list[NodeProto], *constants: onnx.TensorProto, opset: int = 13, batch: object = 1) -> Path:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3, 8, 8]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], list(constants))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def node(kind: str, *inputs: str, name: str = "one", **given: object) -> NodeProto:
    return helper.make_node(kind, list(inputs), ["y"], name=name, **given)


QUANTIZED = [
    helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="q"),
    helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"], name="dq"),
]
NMS = node("NonMaxSuppression", "boxes", "scores", "most", "iou", "least")
MOST, IOU, LEAST = const("most", [100]), const("iou", [0.5], np.float32), const("least", [0.1], np.float32)

# what → (nodes, constants, opset, batch, what the Nano says, what an Orin says)
MISTAKES: dict[str, tuple[list[NodeProto], list[onnx.TensorProto], int, object, list[str], list[str]]] = {
    "hard swish": (
        [node("HardSwish", "x")], [], 14, 1, ["opset 14, 13 at most", "HardSwish is not among"], [],
    ),
    "a dynamic shape": ([node("Relu", "x")], [], 13, "batch", ["its shape is dynamic"], ["its shape is dynamic"]),
    "uint8 zero points": (
        QUANTIZED,
        [const("scale", 0.1, np.float32), const("zero", 128, np.uint8)],
        13,
        1,
        ["2 Q/DQ nodes, on hardware without int8"],
        ["QuantizeLinear: y_zero_point must be given, int8 and all 0", "DequantizeLinear: x_zero_point must be given"],
    ),
    "int8 zero points that are not 0": (
        QUANTIZED,
        [const("scale", 0.1, np.float32), const("zero", 3, np.int8)],
        13,
        1,
        ["2 Q/DQ nodes"],
        ["y_zero_point must be given, int8 and all 0", "x_zero_point must be given, int8 and all 0"],
    ),
    "symmetric int8": (
        QUANTIZED,
        [const("scale", 0.1, np.float32), const("zero", 0, np.int8)],
        13,
        1,
        ["2 Q/DQ nodes, on hardware without int8"],
        [],
    ),
    "cubic resizing": (
        [node("Resize", "x", "", "scales", mode="cubic")],
        [const("scales", [1, 1, 2, 2], np.float32)],
        13,
        1,
        ["Resize: mode cubic is not known"],
        ["Resize: mode cubic is not known"],
    ),
    "a number of candidates that is computed": (
        [
            helper.make_node("Size", ["x"], ["count"]),
            helper.make_node("Unsqueeze", ["count", "zero"], ["k"]),
            helper.make_node("TopK", ["x", "k"], ["y", "places"], name="one"),
        ],
        [const("zero", [0])],
        13,
        1,
        ["TopK: K must be an initializer"],
        [],
    ),
    "suppression with thresholds that are computed": (
        [helper.make_node("ReduceMax", ["x"], ["least"], keepdims=0), NMS],
        [const("boxes", np.zeros((1, 4, 4)), np.float32), const("scores", np.zeros((1, 1, 4)), np.float32), MOST, IOU],
        13,
        1,
        ["NonMaxSuppression: score_threshold must be an initializer", "experimental"],
        [],
    ),
    "suppression": (
        [NMS],
        [
            const("boxes", np.zeros((1, 4, 4)), np.float32),
            const("scores", np.zeros((1, 1, 4)), np.float32),
            MOST,
            IOU,
            LEAST,
        ],
        13,
        1,
        ["NonMaxSuppression: experimental"],
        [],
    ),
    "TensorRT's own suppression": (
        [node("EfficientNMS_TRT", "x", "x", domain="TRT")],
        [],
        13,
        1,
        ["EfficientNMS_TRT: its scores are negative in an engine built in fp16"],
        [],
    ),
    "sampling by a grid": (
        [node("GridSample", "x", "grid")],
        [const("grid", np.zeros((1, 8, 8, 2)), np.float32)],
        16,
        1,
        ["opset 16, 13 at most", "GridSample is not among"],
        [],
    ),
    "integers beyond int32": (
        [node("Expand", "x", "sizes")],
        [const("sizes", [1, 3, 8, 2**40])],
        13,
        1,
        ["int64 values beyond int32"],
        [],
    ),
    "opset 18": (
        [node("ReduceMean", "x", "axes")],
        [const("axes", [2, 3])],
        18,
        1,
        ["opset 18, 13 at most"],
        [],
    ),
    "opset 21": ([node("Relu", "x")], [], 21, 1, ["opset 21, 13 at most"], ["opset 21, 20 at most"]),
    "another framework's domain": (
        [node("FusedConv", "x", domain="com.microsoft")],
        [],
        13,
        1,
        ["com.microsoft.FusedConv is not among"],
        ["com.microsoft.FusedConv is not among"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_a_foreign_file_is_told_its_mistakes_with_node_rule_source_and_remedy(tmp_path: Path, what: str) -> None:
    nodes, constants, opset, batch, nano, orin = MISTAKES[what]
    path = file(tmp_path / "m.onnx", nodes, *constants, opset=opset, batch=batch)
    for rules, wanted in ((NANO, nano), (ORIN, orin)):
        found = lint(path, rules)
        assert len(found) == len(wanted), [one.rule for one in found]
        assert all(part in one.rule for part, one in zip(wanted, found, strict=True)), [one.rule for one in found]
        assert all(one.node and one.instead and one.source == rules.source for one in found)


def test_the_node_that_breaks_a_rule_is_named(tmp_path: Path) -> None:
    nodes, constants, opset, batch, *_ = MISTAKES["cubic resizing"]
    (found,) = lint(file(tmp_path / "m.onnx", nodes, *constants, opset=opset, batch=batch), NANO)
    assert found.node == "one"


def test_a_node_without_a_name_goes_by_its_output(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", [helper.make_node("Mod", ["x", "x"], ["y"], fmod=1)])
    assert [one.node for one in lint(path, NANO)] == ["y"]
    assert lint(path, ORIN) == []


def test_weights_beside_the_file_are_refused_by_the_board_and_not_by_the_pc(tmp_path: Path) -> None:
    path, weights = tmp_path / "m.onnx", const("w", np.ones((1, 3, 8, 8)), np.float32)
    model = onnx.load(file(path, [node("Add", "x", "w")], weights))
    onnx.save(model, path, save_as_external_data=True, size_threshold=0, location="m.data")
    assert [one.rule for one in lint(path, NANO)] == ["weights lie outside the file"]
    assert lint(path, load_rules("onnxruntime")) == []


def test_an_operator_that_onnx_does_not_have_is_refused_by_onnxruntime(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", [node("EfficientNMS_TRT", "x", "x")])
    (found,) = lint(path, load_rules("onnxruntime"))
    assert "EfficientNMS_TRT is not among" in found.rule
    assert lint(path, ORIN) == []
