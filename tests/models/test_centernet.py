"""CenterNet: golden losses, decode against a slow reference, learning a few images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mfast_edge.data.sample import Truth
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.models.centernet.build import Build
from mfast_edge.models.centernet.decode import decode, peaks, ready
from mfast_edge.models.centernet.detector import MODEL
from mfast_edge.models.centernet.loss import Points, focal
from mfast_edge.models.centernet.targets import targets
from mfast_edge.models.detections import detect, finish
from mfast_edge.tasks.detect import compare
from tests.models.test_centernet_targets import truth


def build(**given: Any) -> Build:
    return Build(**{"classes": ("a", "b"), "size": 96, "width": 0.25, **given})


# loss


def outputs(height: float = 0.0, batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    return torch.full((batch, 2, 24, 24), height), torch.zeros(batch, 2, 24, 24), torch.zeros(batch, 2, 24, 24)


def test_the_focal_loss_is_the_hand_made_one() -> None:
    """p = .5 everywhere: a centre ¼ ln 2, a cell with heat h (1 - h)⁴ ¼ ln 2, one that does not count nothing."""
    heat = torch.tensor([[[[1.0, 0.5, 0.0, 0.0]]]])
    centres = torch.tensor([[[[True, False, False, False]]]])
    counted = torch.tensor([[[[True, True, True, False]]]])
    told = focal(torch.zeros(1, 1, 1, 4), heat, centres, counted)
    assert float(told) == pytest.approx(0.25 * np.log(2) * (1 + 0.5**4 + 1), rel=1e-6)


def test_the_focal_loss_of_another_score_is_the_hand_made_one() -> None:
    logit, p = float(np.log(3)), 0.75
    heat, centres = torch.tensor([[[[1.0, 0.2]]]]), torch.tensor([[[[True, False]]]])
    told = focal(torch.full((1, 1, 1, 2), logit), heat, centres, torch.ones(1, 1, 1, 2, dtype=torch.bool))
    wanted = -((1 - p) ** 2 * np.log(p) + 0.8**4 * p**2 * np.log(1 - p))
    assert float(told) == pytest.approx(wanted, rel=1e-6)


def test_sizes_weigh_a_tenth_and_offsets_one_per_object() -> None:
    photos = [truth(((9, 10, 16, 25), 1, False)), truth(((8, 8, 16, 16), 0, False), ((0, 0, 3, 3), 0, True))]
    logits, sizes, offsets = outputs(-30.0, 2)
    sizes[0, :, 4, 3] = torch.tensor([2.75, 3.0]) / 8  # 1 too wide, .75 too low
    offsets[1, :, 3, 3] = torch.tensor([0.5, -0.25])
    told = Points(build())((logits, sizes, offsets), photos)
    assert float(told["size"]) == pytest.approx(0.1 * (1 + 0.75 + 2 + 2) / 2, rel=1e-6)
    assert float(told["offset"]) == pytest.approx((0.125 + 0.375 + 0.5 + 0.25) / 2, rel=1e-6)
    assert float(told["heatmap"]) == pytest.approx(2 * 30 / 2, rel=1e-5)  # two centres missed


def test_an_ignored_object_is_neither_wanted_nor_forbidden_but_one_beside_it_is() -> None:
    loss = Points(build())
    logits, sizes, offsets = outputs(-30.0)
    logits[0, :, 3, 3] = 5.0
    ignored = float(loss((logits, sizes, offsets), [truth(((8, 8, 16, 16), 0, True))])["heatmap"])
    assert ignored == pytest.approx(0, abs=1e-6)
    assert float(loss((logits, sizes, offsets), [truth()])["heatmap"]) > 5
    both = [truth(((0, 0, 40, 40), 0, True), ((8, 8, 16, 16), 1, False))]
    assert float(loss(outputs(-30.0), both)["heatmap"]) == pytest.approx(30, rel=1e-5)


def test_extreme_logits_and_photos_without_boxes_have_finite_losses_and_gradients() -> None:
    for height in (-90.0, 90.0):
        maps = tuple(one.requires_grad_() for one in outputs(height))
        told = Points(build())(maps, [truth()])
        sum(told.values()).backward()  # type: ignore[union-attr]
        assert all(torch.isfinite(term) for term in told.values())
        assert maps[0].grad is not None
        assert maps[0].grad.isfinite().all()


# decode


def slow(logits: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, facts: dict[str, Any]) -> list[list[float]]:
    """[score, class, x1, y1, x2, y2] of every peak, the best first, cell by cell."""
    found = []
    for kind, row, column in np.ndindex(*logits.shape):
        here = float(logits[kind, row, column])
        around = [
            ((y, x) < (row, column), float(logits[kind, y, x]))
            for y in range(row - 1, row + 2)
            for x in range(column - 1, column + 2)
            if (y, x) != (row, column) and 0 <= y < logits.shape[1] and 0 <= x < logits.shape[2]
        ]
        score = 1 / (1 + np.exp(-here))
        if score >= facts["score_threshold"] and all(here > v if earlier else here >= v for earlier, v in around):
            x, y = column + offsets[0, row, column], row + offsets[1, row, column]
            w, h = (max(0.0, 8 * float(size)) for size in sizes[:, row, column])
            box = [edge / facts["grid"] for edge in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)]
            found.append([score, kind, *box])
    return sorted(found, key=lambda one: -one[0])[: facts["candidates"]]


@pytest.mark.parametrize("levels", [None, 12])
@pytest.mark.parametrize("size", [96, 98])
def test_decode_finds_what_a_slow_reference_finds(size: int, levels: int | None) -> None:
    """Also where logits come in few levels, as from an int8 graph, and on maps that the image does not fill."""
    facts, random, side = ready(MODEL.facts(build(size=size))), np.random.default_rng(0), -(-size // 4)
    logits = random.normal(-3, 2, (2, side, side)).astype(np.float32)
    if levels:
        logits = np.round(logits * levels / 8) * 8 / levels
    sizes = random.normal(0.5, 0.4, (2, side, side)).astype(np.float32)
    offsets = random.uniform(0, 1, (2, side, side)).astype(np.float32)
    boxes, scores = decode([logits[None], sizes[None], offsets[None]], facts)
    right = slow(logits, sizes, offsets, {**facts, "candidates": 10**6})
    assert len(right) > facts["candidates"] == len(boxes)
    told = sorted(
        ([scores[n].max(), scores[n].argmax(), *boxes[n]] for n in range(len(boxes))), key=lambda one: -one[0]
    )
    np.testing.assert_allclose([one[0] for one in told], [one[0] for one in right[:100]], rtol=1e-5)
    least, known = right[99][0] * 1.0001, {tuple(np.round(one[1:], 4)) for one in right}
    assert all(tuple(np.round(np.array(one[1:], np.float64), 4)) in known for one in told if one[0] > least)
    assert (np.count_nonzero(scores, 1) == 1).all()


def test_of_neighbours_alike_one_counts() -> None:
    logits = np.full((2, 6, 7), -9.0, np.float32)
    logits[0, 2, 2:5] = logits[0, 3, 3] = 1.0
    logits[1, 5, 5:7] = logits[1, 4, 6] = 2.0
    assert np.stack(peaks(logits, -4.0)).T.tolist() == [[0, 2, 2], [1, 4, 6]]


def test_nothing_that_counts_decodes_to_nothing() -> None:
    boxes, scores = decode([out.numpy() for out in outputs(-9.0)], ready(MODEL.facts(build())))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0, 2)


def test_overlapping_detections_all_stay() -> None:
    facts = ready(MODEL.facts(build()))
    logits, sizes, offsets = (out.numpy() for out in outputs(-9.0))
    logits[0, 0, 10, (10, 12)] = (2.0, 1.0)
    sizes[:] = 1.5
    found = finish([logits, sizes, offsets], (96, 96), MODEL.decode, facts)
    assert found.boxes.tolist() == [[16, 16, 64, 64], [24, 16, 72, 64]]
    kept = finish([logits, sizes, offsets], (96, 96), MODEL.decode, {**facts, "iou_threshold": 0.5})
    assert len(kept.boxes) == 1
    few = finish([logits, sizes, offsets], (96, 96), MODEL.decode, {**facts, "detections": 1})
    assert few.boxes.tolist() == [[16, 16, 64, 64]]


def test_decode_undoes_what_the_targets_ask() -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 60, (9, 2))
    rows = [
        (tuple(np.concatenate([c, c + rng.uniform(6, 30, 2)]).tolist()), n % 2, False) for n, c in enumerate(corner)
    ]
    wanted = targets([truth(*rows)], (2, 24), 1 / 4, 0.7)
    logits, sizes, offsets = outputs(-9.0)
    logits[0, wanted.kind, wanted.row, wanted.column] = 3.0
    sizes[0, :, wanted.row, wanted.column] = wanted.sizes.T / 8
    offsets[0, :, wanted.row, wanted.column] = wanted.offsets.T
    found = finish(
        [one.numpy() for one in (logits, sizes, offsets)], (96, 96), MODEL.decode, ready(MODEL.facts(build()))
    )
    known = {tuple(np.round(np.minimum(box, 96), 2)) for box, _, _ in rows}
    assert len(found.boxes) >= 7
    assert {tuple(np.round(box.astype(float), 2)) for box in found.boxes} <= known


# learning


def scenes(count: int) -> tuple[np.ndarray, list[Truth]]:
    """Light and dark squares, some of them overlapping by more than any suppression would leave."""
    random, photos, truths = np.random.default_rng(3), [], []
    for _ in range(count):
        photo = random.integers(90, 110, (96, 96, 3)).astype(np.uint8)
        x, y = random.integers(5, 20, 2)
        boxes = np.array([[x, y, x + 30, y + 24], [x + 10, y + 2, x + 40, y + 26], [50, 58, 70, 86]], np.float32)
        for number, (x1, y1, x2, y2) in enumerate(boxes.astype(int)):
            photo[y1:y2, x1:x2] = (230, 200 + number, 40) if number < 2 else (20, 30, 160)
            photo[y1:y2, [x1, x2 - 1]] = 0
        photos.append(photo)
        truths.append(Truth(boxes, np.array([0, 0, 1]), np.zeros(3, bool)))
    return np.stack(photos), truths


def test_a_few_images_are_learnt_by_heart() -> None:
    torch.manual_seed(0)
    settings = build()
    network, loss = MODEL.network(settings).train(), MODEL.loss(settings)
    photos, truths = scenes(4)
    images = torch.from_numpy(photos).permute(0, 3, 1, 2).float()
    wanted = [(torch.from_numpy(t.boxes), torch.from_numpy(t.classes), torch.from_numpy(t.ignore)) for t in truths]
    optimiser = torch.optim.AdamW(network.parameters(), 5e-3)
    for step in range(60):
        optimiser.param_groups[0]["lr"] = 5e-3 * (1 - step / 60)
        optimiser.zero_grad()
        sum(loss(network(images), wanted).values()).backward()
        optimiser.step()
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = None
            norm.reset_running_stats()
    with torch.no_grad():
        network(images)
    facts = MODEL.ready(MODEL.facts(settings))

    def forward(image: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            return [out.numpy() for out in network.eval()(torch.from_numpy(image))]

    found = [detect(photo, forward, MODEL.decode, facts) for photo in photos]
    assert compare(truths, found, ("a", "b")).map50 > 0.95


def test_the_model_is_known_by_name() -> None:
    assert find("centernet", MODELS) is MODEL
