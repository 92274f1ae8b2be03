"""SSD: maps, anchors, codes, targets, loss, published weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mfast_edge.backbones.blocks import Block, same
from mfast_edge.backbones.norms import measure
from mfast_edge.backbones.weights import tensors
from mfast_edge.errors import UserError
from mfast_edge.models.ssd.build import Build, maps
from mfast_edge.models.ssd.decode import anchors, decode, ready, unpack
from mfast_edge.models.ssd.mbv1 import MODEL
from mfast_edge.models.ssd.targets import BACKGROUND, LEFT_OUT, assign, corners, encode

COCO = "ssd_mobilenet_v1_075_coco.safetensors"


def test_300_px_gives_the_published_maps_and_1917_anchors() -> None:
    facts = MODEL.facts(Build(classes=("a",)))
    assert facts["maps"] == [19, 10, 5, 3, 2, 1]
    assert anchors(facts).shape == (1917, 4)


def test_anchors_are_the_published_ones_but_for_their_quantisation(weights: Path) -> None:
    stored = load_file(weights / COCO)["anchors"].numpy()
    assert np.abs(anchors(MODEL.facts(Build(classes=("a",)))) - stored).max() < 0.0033  # half a step of their uint8


@pytest.mark.parametrize("size", [96, 97, 160, 224, 301, 512])
def test_any_size_gives_as_many_outputs_as_anchors(size: int) -> None:
    build = Build(classes=("a", "b"), size=size, width=0.25)
    codes, logits = MODEL.network(build).eval()(torch.zeros(1, 3, size, size))
    count = len(anchors(MODEL.facts(build)))
    assert codes.shape == (1, count, 4)
    assert logits.shape == (1, count, 2)


@pytest.mark.parametrize("size", [95, 513])
def test_a_size_outside_96_to_512_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        Build(classes=("a",), size=size)


def test_same_padding_at_stride_2_pads_right_first_on_even_sides() -> None:
    assert same(300, 3, 2) == (0, 1)
    assert same(75, 3, 2) == (1, 1)
    assert same(19, 3, 1) == (1, 1)
    assert maps(300, 6) == [19, 10, 5, 3, 2, 1]


def test_decode_undoes_encode() -> None:
    base = torch.tensor([[0.5, 0.4, 0.2, 0.3], [0.1, 0.9, 0.4, 0.1]])
    boxes = torch.tensor([[0.2, 0.35, 0.6, 0.7], [0.85, 0.0, 0.95, 0.25]])
    codes = encode(boxes, base, torch.tensor([0.1, 0.1, 0.2, 0.2]))
    back = unpack(codes.numpy(), base.numpy(), [0.1, 0.1, 0.2, 0.2])
    np.testing.assert_allclose(back, boxes.numpy(), atol=1e-6)


def test_decode_leaves_out_anchors_below_the_score_threshold() -> None:
    facts = ready(MODEL.facts(Build(classes=("a", "b"))))
    logits = np.full((1, 1917, 2), -9.0, np.float32)
    logits[0, 7] = (2.0, -1.0)
    boxes, scores = decode([np.zeros((1, 1917, 4), np.float32), logits], facts)
    np.testing.assert_allclose(scores, [[1 / (1 + np.exp(-2)), 1 / (1 + np.exp(1))]], rtol=1e-6)
    np.testing.assert_allclose(boxes, corners(torch.from_numpy(facts["anchors"][7:8])).numpy(), atol=1e-6)


def test_every_box_gets_an_anchor_and_an_ignored_one_is_left_out_of_the_loss() -> None:
    base = torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5], [0.5, 0.5, 0.1, 0.1]])
    boxes = torch.tensor([[0.45, 0.45, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    found = assign(corners(base), boxes, torch.tensor([False, True]))
    assert found.tolist() == [BACKGROUND, LEFT_OUT, 0]  # 0.25 IoU only, but the best there is


def test_anchors_that_lie_in_an_ignored_region_are_no_negatives_but_may_be_matches() -> None:
    """However small they are beside the region; by more than half of their own area."""
    base = torch.tensor([[0.2, 0.2, 0.1, 0.1], [0.8, 0.2, 0.1, 0.1], [0.2, 0.49, 0.1, 0.1], [0.2, 0.51, 0.1, 0.1]])
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.15, 0.15, 0.25, 0.25]])
    everything = assign(corners(base), boxes, torch.tensor([True, False]))
    assert everything.tolist() == [1, LEFT_OUT, LEFT_OUT, LEFT_OUT]
    half = torch.tensor([[0.0, 0.0, 0.5, 0.5]])  # x1 y1 x2 y2; anchors are cy cx h w
    assert assign(corners(base), half, torch.tensor([True])).tolist() == [LEFT_OUT, BACKGROUND, LEFT_OUT, BACKGROUND]


def test_a_photo_that_is_ignored_from_edge_to_edge_teaches_nothing() -> None:
    loss = MODEL.loss(Build(classes=("a",)))
    outputs = torch.zeros(1, 1917, 4), torch.full((1, 1917, 1), 3.0, requires_grad=True)
    truth = (torch.tensor([[0.0, 0.0, 300.0, 300.0]]), torch.tensor([0]), torch.tensor([True]))
    told = loss(outputs, [truth])
    assert {name: float(term.detach()) for name, term in told.items()} == {"box": 0.0, "class": 0.0}
    wanted = (truth[0], truth[1], torch.tensor([False]))
    assert float(loss(outputs, [wanted])["class"].detach()) > 1


def test_the_loss_counts_three_negatives_for_each_match() -> None:
    facts = MODEL.ready(MODEL.facts(Build(classes=("a",))))
    loss = MODEL.loss(Build(classes=("a",)))
    one = torch.from_numpy(facts["anchors"][1000:1001])
    truth = (corners(one) * 300, torch.tensor([0]), torch.tensor([False]))
    codes, logits = torch.zeros(1, 1917, 4), torch.zeros(1, 1917, 1)
    matched = int((assign(loss.corners, truth[0] / 300, truth[2]) >= 0).sum())
    told = loss((codes, logits), [truth])
    assert matched >= 1
    assert float(told["class"]) == pytest.approx(4 * np.log(2), rel=1e-5)


def test_bfloat16_gradients_of_a_map_of_one_cell_are_those_of_float32() -> None:
    torch.manual_seed(0)
    block = Block(1, (32, 64), 3, 2)
    image, pull = torch.randn(16, 32, 1, 1), torch.randn(16, 64, 1, 1)
    found = []
    for bfloat16 in (False, *[True] * 20):  # the fault is in memory nobody wrote: it comes and goes
        block.zero_grad()
        torch.full((4096,), float("nan")).sum()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            outputs = block(image.to(memory_format=torch.channels_last))
        (outputs.float() * pull).sum().backward()
        assert block.conv.weight.grad is not None
        found.append(block.conv.weight.grad.flatten().clone())
    for other in found[1:]:
        assert torch.cosine_similarity(found[0], other, dim=0) > 0.98


def test_a_photo_without_boxes_has_a_finite_loss() -> None:
    loss = MODEL.loss(Build(classes=("a",)))
    empty = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.bool))
    told = loss((torch.zeros(1, 1917, 4), torch.zeros(1, 1917, 1)), [empty])
    assert float(told["box"]) == 0
    assert 0 < float(told["class"]) < 10


def test_published_weights_bring_every_layer(weights: Path) -> None:
    network = MODEL.network(Build(classes=tuple(map(str, range(90)))))
    said = MODEL.load(network, weights / COCO, tensors(weights / COCO))
    assert said.endswith("35 of 35 blocks, box heads, class heads")


def test_a_width_between_takes_the_leading_channels_of_a_larger_file(weights: Path) -> None:
    file = weights / "mobilenet_v1_100_imagenet.safetensors"
    network = MODEL.network(Build(classes=("a",), width=0.625))
    held = tensors(file)
    MODEL.load(network, file, held)
    taken = network.get_submodule("backbone.block5.pointwise.conv").weight
    torch.testing.assert_close(taken, held["backbone.block5.pointwise.weight"].float()[:160, :160])


def test_a_file_too_small_for_the_width_is_refused(weights: Path) -> None:
    file = weights / "mobilenet_v1_025_imagenet.safetensors"
    with pytest.raises(UserError, match="or more channels would fit"):
        MODEL.load(MODEL.network(Build(classes=("a",), width=0.5)), file, tensors(file))


def test_own_weights_fit_strictly_but_class_heads_may_start_anew(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    small = Build(classes=("a", "b"), width=0.25)
    save_file(MODEL.network(small).state_dict(), file)
    said = MODEL.load(MODEL.network(Build(classes=("a",), width=0.25)), file, tensors(file))
    assert "class heads start anew" in said
    with pytest.raises(UserError, match="does not fit this network"):
        MODEL.load(MODEL.network(Build(classes=("a", "b"), width=0.5)), file, tensors(file))


def test_measured_norms_change_nothing_in_eval_and_little_in_train() -> None:
    torch.manual_seed(0)
    network = MODEL.network(Build(classes=("a",), width=0.25, size=96))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    images = torch.rand(16, 3, 96, 96) * 255
    with torch.no_grad():
        before = network.eval()(images)
        measure(network, [images])
        after, training = network.eval()(images), network.train()(images)
    for one, two, three in zip(before, after, training, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(two, three, atol=2e-2, rtol=2e-2)
