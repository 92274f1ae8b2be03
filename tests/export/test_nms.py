from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from export.lint import lint, load_rules
from export.nms import OUTPUTS, Rule, suppress
from export.sessions import open_session

RULE = Rule(0.1, 0.5, 8)
BOXES = np.array([[0, 0, 0.4, 0.4], [0, 0, 0.4, 0.38], [0.5, 0.5, 0.9, 0.9], [0.1, 0.6, 0.3, 0.8]], np.float32)
SCORES = np.array([[0.9, 0.2], [0.8, 0.7], [0.3, 0.05], [0.01, 0.02]], np.float32)


class Halves(nn.Module):
    """A decoder: raw outputs are doubled boxes, and scores."""

    def forward(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        return boxes / 2, scores + torch.zeros(2)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A graph that gives the image's first rows as raw outputs."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 4, 6])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, count]) for name, count in (("b", 4), ("s", 2))
    ]
    held = [helper.make_tensor(f"i{one}", TensorProto.INT64, [], [one]) for one in (0,)]
    cut = [("b", 0, 4), ("s", 4, 6)]
    held += [
        helper.make_tensor(f"{name}.{end}", TensorProto.INT64, [1], [value])
        for name, *ends_ in cut
        for end, value in zip("az", ends_, strict=True)
    ]
    held.append(helper.make_tensor("axis", TensorProto.INT64, [1], [2]))
    nodes = [helper.make_node("Gather", ["image", "i0"], ["first"], "first", axis=1)]
    nodes += [helper.make_node("Slice", ["first", f"{n}.a", f"{n}.z", "axis"], [n], n) for n, *_ in cut]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [image], ends, held), opset_imports=[helper.make_opsetid("", 13)], ir_version=7
    )
    onnx.helper.set_model_props(model, {"labels": '["a","b"]'})
    onnx.save(model, tmp_path / "raw.onnx")
    return tmp_path / "raw.onnx"


def given(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    image = np.zeros((1, 3, 4, 6), np.float32)
    image[0, 0] = np.concatenate([boxes * 2, scores], 1)
    return image


def test_onnx_suppresses_inside_each_class_and_orders_over_all(raw: Path, tmp_path: Path) -> None:
    suppress(raw, tmp_path / "n.onnx", Halves(), RULE, "onnx")
    session = open_session(tmp_path / "n.onnx", "onnxruntime")
    assert session.output_names == OUTPUTS
    count, boxes, scores, classes = session(given(BOXES, SCORES))
    assert (count.shape, boxes.shape, scores.shape, classes.shape) == ((1, 1), (1, 8, 4), (1, 8), (1, 8))
    assert (count.dtype, classes.dtype) == (np.int32, np.int32)
    assert count[0, 0] == 3
    assert scores[0].tolist() == pytest.approx([0.9, 0.7, 0.3, 0, 0, 0, 0, 0])
    assert classes[0, :3].tolist() == [0, 1, 0]
    assert np.allclose(boxes[0, :3], BOXES[[0, 1, 2]])


def test_where_nothing_is_found_all_is_zero(raw: Path, tmp_path: Path) -> None:
    suppress(raw, tmp_path / "n.onnx", Halves(), RULE, "onnx")
    count, boxes, scores, _ = open_session(tmp_path / "n.onnx", "onnxruntime")(given(BOXES, SCORES * 0))
    assert count[0, 0] == 0
    assert not boxes.any()
    assert not scores.any()


def test_the_plugin_stands_where_tensorrt_looks_for_it_and_takes_float32(raw: Path, tmp_path: Path) -> None:
    suppress(raw, tmp_path / "n.onnx", Halves(), RULE, "tensorrt")
    model = onnx.load(tmp_path / "n.onnx")
    node = model.graph.node[-1]
    told = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    assert (node.op_type, list(node.output)) == ("EfficientNMS_TRT", list(OUTPUTS))
    assert (told["background_class"], told["max_output_boxes"], told["box_coding"], told["score_activation"]) == (
        -1,
        8,
        0,
        0,
    )
    assert told["plugin_version"] == b"1"
    assert told["iou_threshold"] == pytest.approx(0.5)
    assert {one.domain for one in model.opset_import} == {"", "TRT"}
    del model.graph.node[-1], model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in node.input)
    del model.opset_import[1:]
    onnx.save(model, tmp_path / "inputs.onnx")
    boxes, scores = open_session(tmp_path / "inputs.onnx", "onnxruntime")(given(BOXES, SCORES))
    assert (boxes.dtype, scores.dtype) == (np.float32, np.float32)
    assert np.allclose(boxes[0], BOXES)
    assert np.allclose(scores[0], SCORES)


def test_thresholds_stand_in_the_metadata_beside_what_was_there(raw: Path, tmp_path: Path) -> None:
    suppress(raw, tmp_path / "n.onnx", Halves(), RULE, "onnx")
    told = {one.key: one.value for one in onnx.load(tmp_path / "n.onnx").metadata_props}
    assert told == {"iou_threshold": "0.5", "labels": '["a","b"]', "nms": "onnx", "score_threshold": "0.1"}


def test_tensorrt_8_2_knows_every_operator(raw: Path, tmp_path: Path) -> None:
    for kind in ("onnx", "tensorrt"):
        suppress(raw, tmp_path / "n.onnx", Halves(), RULE, kind)  # type: ignore[arg-type]
        assert [one for one in lint(tmp_path / "n.onnx", load_rules("tensorrt-8.2")) if not one.risk] == []
