"""refit: other sizes, fewer anchors and levels; what is left says what it said before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mfast_edge.candidate import Candidate
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from mfast_edge.models.ssd.build import Build
from mfast_edge.models.ssd.decode import anchors
from mfast_edge.models.ssd.mbv1 import MODEL
from mfast_edge.models.ssd.refit import fewer, matches, outputs
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.refit import Refit
from mfast_edge.stages.widths import thin
from mfast_edge.store import Store
from mfast_edge.target import find
from mfast_edge.workshop import Built, Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    data = read("particles:60x96", cache=tmp_path / "data", seed=0)
    build = MODEL.build(classes=data.classes, size=160, width=0.25)
    return Workshop(MODEL, build, data, find("x86"), Store(tmp_path), 0, "cpu", None, lambda _: None)


def build(**given: object) -> Build:
    return Build(**{"classes": ("a", "b"), "width": 0.25, "size": 160, **given})  # type: ignore[arg-type]


TABLE = MODEL.body.table(build())


def photo(*boxes: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(boxes, np.float32).reshape(-1, 4), np.zeros(len(boxes), bool)


def test_every_object_is_matched_at_least_once_and_small_ones_on_the_first_level() -> None:
    counts = matches(
        TABLE, MODEL.facts(build()), [photo((0.4, 0.4, 0.5, 0.5)), photo((0.02, 0.02, 0.98, 0.98)), photo()]
    )
    assert counts[0][0] >= 1
    assert sum(counts[4]) + sum(counts[5]) >= 1
    assert sum(counts[1]) == 0


def test_shapes_without_a_match_and_the_levels_above_go() -> None:
    counts = [[5, 0, 3], [0, 0, 0, 7, 0, 0], *[[0] * 6] * 4]
    less = fewer(build(), TABLE, counts, 0.0)
    assert less.anchors is not None
    assert [len(level) for level in less.anchors] == [2, 1, 0, 0, 0, 0]
    assert MODEL.facts(less)["maps"] == [10, 5]
    assert len(anchors(MODEL.facts(less))) == 2 * 100 + 25
    network = MODEL.network(less)
    assert not network.extras  # nothing is built above the last level that is used
    assert [tuple(out.shape) for out in network.eval()(torch.zeros(1, 3, 160, 160))] == [(1, 225, 4), (1, 225, 2)]


def test_a_share_drops_rare_shapes_and_nothing_matched_drops_nothing() -> None:
    counts = [[98, 0, 0], [2, 0, 0, 0, 0, 0], *[[0] * 6] * 4]
    kept = fewer(build(), TABLE, counts, 0.02).anchors
    assert kept is not None
    assert [len(level) for level in kept] == [1, 0, 0, 0, 0, 0]
    assert fewer(build(), TABLE, [[0] * 3, *[[0] * 6] * 5], 0.0).anchors is None


def test_a_dropped_first_level_leaves_its_backbone_and_no_head() -> None:
    less = fewer(build(), TABLE, [[0] * 3, [1] * 6, *[[0] * 6] * 4], 0.0)
    network = MODEL.network(less)
    assert list(network.heads) == ["1"]
    assert MODEL.facts(less)["maps"] == [5]


def test_fitted_shapes_are_those_of_the_objects_on_the_level_of_their_size() -> None:
    random = np.random.default_rng(0)
    truths = []
    for _ in range(40):
        corner, spread = random.uniform(0, 0.5, (2, 2)), random.uniform(0.98, 1.02, (2, 2))
        sides = np.array([[0.06, 0.1], [0.3, 0.4]]) * spread  # width, height
        truths.append((np.concatenate([corner, corner + sides], 1).astype(np.float32), np.zeros(2, bool)))
    one = build()
    made = MODEL.fitted(one, truths, 2)
    assert made.anchors is not None
    assert [len(level) for level in made.anchors] == [1, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(made.anchors[0][0], (0.1, 0.06), rtol=0.02)
    np.testing.assert_allclose(made.anchors[1][0], (0.4, 0.3), rtol=0.02)
    assert MODEL.fitted(one, truths, 2) == made
    assert MODEL.fitted(one, [photo()], 2) == one


def test_an_ignored_object_shapes_no_anchor() -> None:
    boxes, ignore = photo((0.1, 0.1, 0.2, 0.2), (0.0, 0.0, 0.9, 0.9))
    ignore[1] = True
    assert MODEL.fitted(build(), [(boxes, ignore)], 5).anchors[0] == ((0.1, 0.1),)  # type: ignore[index]


def test_a_head_keeps_the_outputs_of_the_shapes_that_stay() -> None:
    less = fewer(build(), TABLE, [[0, 0, 1], *[[0] * 6] * 5], 0.0)
    chosen = outputs(TABLE, MODEL.body.table(less), 2)
    assert chosen == {"heads.0.box": [8, 9, 10, 11], "heads.0.classify": [4, 5]}


def test_what_stays_says_what_it_said(shop: Workshop, tmp_path: Path) -> None:
    old = shop.fresh()
    thin(old, Prune(keep=0.7, batches=2, batch=8, round_to=4), shop, tmp_path)
    made = Refit(anchors="matched", images=0).made(old, shop)
    kept = set(map(tuple, np.round(anchors(MODEL.facts(made.build)), 6)))  # type: ignore[arg-type]
    before = anchors(MODEL.facts(old.build))  # type: ignore[arg-type]
    rows = [row for row, anchor in enumerate(np.round(before, 6)) if tuple(anchor) in kept]
    assert 0 < len(rows) < len(before)
    image = torch.rand(2, 3, 160, 160) * 255
    with torch.no_grad():
        for one, two in zip(old.network.eval()(image), made.network.eval()(image), strict=True):
            torch.testing.assert_close(one[:, rows], two, rtol=1e-4, atol=1e-5)


def test_another_size_has_its_own_paddings_and_is_rebuilt_bit_for_bit(shop: Workshop, tmp_path: Path) -> None:
    made = Refit(size=131, anchors="all", images=0).made(shop.fresh(), shop)
    folder = tmp_path / "made"
    folder.mkdir()
    shop.write(made, folder)
    again = shop.rebuilt(Candidate("k", "ssd_mbv1", "torch", folder, ()))
    assert again.build == made.build
    assert shop.size(again.build) == (131, 131)
    image = torch.rand_like(shop.example(again.build)) * 255
    with torch.no_grad():
        for one, two in zip(made.network(image), again.network(image), strict=True):
            assert torch.equal(one, two)


def test_a_size_that_cannot_be_is_refused(shop: Workshop) -> None:
    with pytest.raises(UserError, match="refit: ssd_mbv1 cannot be built so"):
        Refit(size=64, images=0).made(shop.fresh(), shop)


def test_loss_and_decode_follow_the_new_build(shop: Workshop) -> None:
    made = Refit(size=96, images=0).made(shop.fresh(), shop)
    assert isinstance(made, Built)
    loss = MODEL.loss(made.build)  # type: ignore[arg-type]
    for images, truths in shop.batches(made.build, 8, 1):
        assert images.shape[2:] == (96, 96)
        parts = loss(made.network(images), truths)
        assert all(torch.isfinite(part) for part in parts.values())
