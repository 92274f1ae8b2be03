"""The decoders in torch beside the numpy ones that travel: the same boxes and scores for the same raw outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from export.nms import Rule, suppress
from mfast_edge.errors import UserError
from mfast_edge.model import Model, find
from mfast_edge.models import MODELS
from mfast_edge.models.detections import finish
from mfast_edge.models.unpack import unpacker
from tests.contracts.test_rebuild import SMALL

ANCHORS = {"yolo9000": {"anchors": [[0.2, 0.3], [0.5, 0.4]]}}


def ready(name: str, **more: Any) -> tuple[Model, dict[str, Any]]:
    model = find(name, MODELS)
    build = model.build(classes=("cat", "dog", "cow"), **{**SMALL[name], **ANCHORS.get(name, {}), **more})
    return model, model.ready(model.facts(build))


def outputs(model: Model, facts: dict[str, Any]) -> list[np.ndarray]:
    """Random raw outputs of the shapes that the network gives."""
    draw, build = np.random.default_rng(0), None
    rows = len(facts["anchors"] if "anchors" in facts else facts["corners"])
    if "corners" in facts:
        build = [(rows, 5), (facts["grid"] ** 2, 3)]
    else:
        build = [
            (rows, 4),
            *([(rows, 1)] if len(model.outputs) == 3 else []),
            (rows, len(facts.get("parents") or "abc")),
        ]
    return [draw.normal(0.3, 1, (1, *shape)).astype(np.float32) for shape in build]


@pytest.mark.parametrize(
    ("name", "more"),
    [(name, {}) for name in sorted(MODELS) if name not in ("centernet", "classifier")]
    + [("yolo9000", {"scores": "softmax"})],
)
def test_torch_decodes_as_numpy_does(name: str, more: dict[str, Any]) -> None:
    model, facts = ready(name, **more)
    facts |= {"score_threshold": 0.0, "logit_threshold": -np.inf, "candidates": 10**6}
    raw = outputs(model, facts)
    with torch.no_grad():
        boxes, scores = unpacker(model.decoder, facts)(*map(torch.from_numpy, raw))
    right_boxes, right_scores = model.decode(raw, facts)
    assert np.abs(boxes[0].numpy() - np.clip(right_boxes, 0, 1)).max() < 1e-5
    assert np.abs(scores[0].numpy() - right_scores).max() < 1e-5


def test_no_more_than_the_candidates_keep_their_scores() -> None:
    model, facts = ready("ssd_mbv1")
    facts |= {"candidates": 7}
    with torch.no_grad():
        _, scores = unpacker(model.decoder, facts)(*map(torch.from_numpy, outputs(model, facts)))
    assert int((scores > 0).sum()) == 7


def test_of_equal_scores_the_graph_keeps_what_the_board_keeps(tmp_path: Path) -> None:
    """Raw outputs of few levels, as 8 bits give them: each place in 60 candidates and 20 detections is contested."""
    model, facts = ready("ssd_mbv1")
    facts |= {"candidates": 60, "detections": 20}
    codes, logits = outputs(model, facts)
    codes, logits = np.round(codes * 2) / 2, np.round(logits * 2) / 2
    raw = handed_on({"boxes": codes, "logits": logits})
    onnx.save(raw, tmp_path / "raw.onnx")
    rule = Rule(facts["score_threshold"], facts["iou_threshold"], facts["detections"])
    suppress(tmp_path / "raw.onnx", tmp_path / "whole.onnx", unpacker(model.decoder, facts), rule, "onnx")
    session = onnxruntime.InferenceSession(tmp_path / "whole.onnx", providers=["CPUExecutionProvider"])
    count, boxes, scores, classes = session.run(None, {"in_boxes": codes, "in_logits": logits})
    right = finish([codes, logits], (1, 1), model.decode, facts)
    assert int(count[0, 0]) == len(right.scores) == 20
    assert len(np.unique(right.scores)) < 10
    assert classes[0].tolist() == right.classes.tolist()
    assert np.abs(scores[0] - right.scores).max() < 1e-6
    assert np.abs(boxes[0] - right.boxes).max() < 1e-5


def handed_on(arrays: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A graph that gives its inputs."""
    infos = [
        [
            helper.make_tensor_value_info(f"{word}{name}", TensorProto.FLOAT, array.shape)
            for name, array in arrays.items()
        ]
        for word in ("in_", "")
    ]
    nodes = [helper.make_node("Identity", [f"in_{name}"], [name], name) for name in arrays]
    graph = helper.make_graph(nodes, "handed_on", *infos)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def test_what_suppresses_nothing_says_so() -> None:
    model, facts = ready("centernet")
    with pytest.raises(UserError, match="centernet has peaks for objects and suppresses nothing"):
        unpacker(model.decoder, facts)


def test_a_walk_down_a_tree_is_refused() -> None:
    model, facts = ready("yolo9000")
    with pytest.raises(UserError, match=r"model\.walk tells one class"):
        unpacker(model.decoder, {**facts, "walk": 0.5})
