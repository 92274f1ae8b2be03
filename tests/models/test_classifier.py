"""The classifier: what it is built from, its decoder, its lesson; the same files behind detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mfast_edge.errors import UserError
from mfast_edge.model import Known, find, title
from mfast_edge.models import MODELS
from mfast_edge.models.classifier import decode
from mfast_edge.models.classifier.classifier import MODEL
from mfast_edge.models.detections import finish
from mfast_edge.models.ssd.net import MODEL as SSD_NET
from mfast_edge.run import build_settings
from mfast_edge.stages.refit import Refit

ABC = ("a", "b", "c")
TWO: dict[str, Any] = {
    "backbone": [[1, "Conv", [16, 3, 2]], [2, "Conv", [24, 3, 2]], [1, "Conv", [32, 3, 2]], [1, "Conv", [40, 3, 2]]],
    "head": [[-1, 1, "UpSample", []], [[2, -1], 1, "Concat", []], [-1, 1, "Conv", [24, 3]]],
    "outputs": [3, 6],
}


def test_a_photo_s_detections_hold_every_class_once_and_best_first() -> None:
    facts = MODEL.ready(MODEL.facts(MODEL.build(classes=ABC, network="tiny_net")))
    found = finish([np.array([[1.0, 3.0, 2.0]], np.float32)], (20, 30), MODEL.decode, facts)
    assert found.classes.tolist() == [1, 2, 0]
    assert found.boxes.tolist() == [[0, 0, 30, 20]] * 3
    np.testing.assert_allclose(found.scores, np.exp([3, 2, 1]) / np.exp([3, 2, 1]).sum(), rtol=1e-6)


def test_scores_of_huge_logits_are_finite() -> None:
    _, scores = decode.decode([np.array([[1e4, -1e4]], np.float32)], {})
    assert scores.tolist() == [[1, 0]]


def test_a_network_is_a_model_by_its_name_or_its_path(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("input_size: 48\nbackbone: [[1, Conv, [8, 3, 2]], [1, Flatten, []], [1, Linear, [classes]]]")
    for name, size in (("tiny_net", 64), (str(mine), 48)):
        model = find(name, MODELS)
        assert (model.name, title(model)) == ("classifier", Path(name).stem)
        assert build_settings(model, {}, None, ABC).model_dump()["size"] == size
        whole = build_settings(find("classifier", MODELS), {"network": name}, None, ABC)
        assert whole.model_dump() == build_settings(model, {}, None, ABC).model_dump()


def test_what_travels_in_a_blueprint_needs_no_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("backbone: [[1, Conv, [8, 3, 2]], [1, Flatten, []], [1, Linear, [classes]]]")
    kept = MODEL.build(classes=ABC, network=str(mine), size=32).model_dump(mode="json")
    mine.unlink()
    assert MODEL.build(**kept).model_dump(mode="json") == kept


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"network": "mobilenet_v9"}, "model.network: 'mobilenet_v9' is not known; known: efficientnet_b0"),
        ({"network": {"backbone": [[1, "Conv", [8, 3]]]}}, "model: network ends in 8 x 224 x 224 with entry 0 Conv"),
        ({"network": {"backbone": [[1, "Flatten", []], [1, "Linear", [9]]]}}, "model: network ends in 9 with entry 1"),
        (
            {"network": {"backbone": [[1, "ResBlock", [8, 2]], [1, "GlobalAvgPool", []], [1, "Flatten", []]]}},
            "model: network: the logits come from entry 0 ResBlock; Linear or FixedConv would be right",
        ),
        ({"network": TWO}, "model: network names outputs, for detectors"),
        ({"network": [1]}, "model.network: [1] given; input should be a valid dictionary"),
        ({"size": 16}, "model.size: 16 given; input should be greater than or equal to 32"),
    ],
)
def test_a_build_that_classifies_nothing_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        build_settings(MODEL, given, None, ABC if "ResBlock" not in sentence else tuple("abcdefgh"))
    assert str(caught.value).startswith(sentence)


def test_a_wrong_entry_is_told_with_its_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("backbone: [[1, Conv, [8, 3, 2]], [1, Conf, [8]]]")
    for model in (MODEL.of(str(mine)), SSD_NET):
        given = {"network": str(mine)} if model is SSD_NET else {}
        with pytest.raises(UserError, match=rf"^model.network {mine}, entry 1: no module 'Conf'; known: "):
            build_settings(model, given, None, ABC)


def test_nothing_is_learnt_from_a_teacher_that_says_the_same_and_something_from_another() -> None:
    torch.manual_seed(0)
    build = MODEL.build(classes=ABC, network="tiny_net")
    facts, network = MODEL.facts(build), MODEL.network(build).eval()
    wide = MODEL.build(classes=ABC, network="tiny_net", width=2.0, size=96)
    images = torch.rand(2, 3, 64, 64) * 255
    _, same = MODEL.lesson(Known(network, facts), Known(network, facts), 1.0, 1.0)(network, images)
    assert {name: round(float(term.detach()), 5) for name, term in same.items()} == {
        "teacher_class": 0.0,
        "teacher_maps": 0.0,
    }
    teacher = Known(MODEL.network(wide), MODEL.facts(wide))
    _, other = MODEL.lesson(Known(network, facts), teacher, 1.0, 1.0)(network, images)
    assert all(float(term.detach()) > 0 for term in other.values())


def test_a_teacher_of_other_classes_is_refused() -> None:
    one, two = (MODEL.build(classes=ABC[:count], network="tiny_net") for count in (2, 3))
    with pytest.raises(UserError, match="teacher: 2 classes; one that knows the network's 3 would be right"):
        MODEL.lesson(*(Known(MODEL.network(b), MODEL.facts(b)) for b in (two, one)), 1.0, 1.0)


def test_a_classifier_has_no_anchors_to_refit() -> None:
    with pytest.raises(UserError, match="classifier has no anchors; matched would be right"):
        Refit(anchors=6, images=0).suits(MODEL)


def test_a_detector_reads_the_outputs_of_a_network_the_largest_first() -> None:
    build = SSD_NET.build(classes=ABC, size=96, network=TWO)
    assert SSD_NET.facts(build)["maps"] == [12, 6, 3, 2, 1, 1]
    boxes, logits = SSD_NET.network(build).eval()(torch.zeros(1, 3, 96, 96))
    count = len(SSD_NET.ready(SSD_NET.facts(build))["anchors"])
    assert (boxes.shape, logits.shape) == ((1, count, 4), (1, count, 3))


def test_a_detector_without_its_upper_levels_has_none_of_the_layers_above() -> None:
    whole = SSD_NET.build(classes=ABC, size=96, network=TWO)
    first = SSD_NET.build(classes=ABC, size=96, network=TWO, anchors=(((0.2, 0.2),), (), (), (), (), ()))
    names = {name.split(".")[0] for name, _ in SSD_NET.network(first).named_parameters()}
    assert names == {"backbone", "heads"}
    assert all(one.grad is not None for one in learnt(SSD_NET.network(first)))
    assert SSD_NET.facts(first)["maps"] == SSD_NET.facts(whole)["maps"][:1]


def learnt(network: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The parameters after a step back from all outputs."""
    sum(out.sum() for out in network(torch.rand(2, 3, 96, 96))).backward()
    return list(network.parameters())


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ({"backbone": [[1, "Flatten", []]]}, "model.network: entry 0 classifies; a network with maps before that"),
        ({**TWO, "outputs": [9]}, "model.network: outputs [9] given; rising numbers of entries, of 7, would be right"),
        ({"backbone": [[1, "Flatten", []]], "outputs": [0]}, "model.network: entry 0 makes a vector; outputs that are"),
        (
            {"backbone": [[1, "YamlModule", [{"backbone": [[1, "GlobalAvgPool", []], [1, "Flatten", []]]}]]]},
            "model.network: entry 0 makes a vector",
        ),
    ],
)
def test_a_network_without_maps_is_no_backbone(network: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        build_settings(SSD_NET, {"network": network}, None, ABC)
    assert str(caught.value).startswith(sentence)
