"""CenterNet: radius, Gaussians, what is asked for where."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from mfast_edge.models.centernet.targets import radius, spread, targets

Box = tuple[float, float, float, float]


def truth(*rows: tuple[Box, int, bool]) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes in input pixels, classes, ignore."""
    return (
        torch.tensor([row[0] for row in rows], dtype=torch.float32).reshape(-1, 4),
        torch.tensor([row[1] for row in rows], dtype=torch.long),
        torch.tensor([row[2] for row in rows], dtype=torch.bool),
    )


def iou(sizes: np.ndarray, shift: np.ndarray) -> float:
    """Of the box 0 0 w h and the one whose four edges are moved."""
    low, high = np.maximum(shift[:2], 0), np.minimum(sizes + shift[2:], sizes)
    shared = np.maximum(high - low, 0).prod()
    return float(shared / (sizes.prod() + (sizes + shift[2:] - shift[:2]).prod() - shared))


@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("sizes", [(10.0, 10.0), (3.0, 40.0), (25.0, 7.0), (1.0, 1.0), (0.5, 60.0)])
def test_any_shift_of_corners_within_the_radius_keeps_the_overlap_and_a_larger_one_does_not(
    sizes: tuple[float, float], overlap: float
) -> None:
    r = float(radius(torch.tensor([sizes]), overlap))
    random, box = np.random.default_rng(0), np.array(sizes)
    corners = [np.array(signs) * r for signs in product((-1, 1), repeat=4)]
    inside = list(random.uniform(-r, r, (3000, 4)))
    assert 0 < r < min(sizes) / 2
    assert min(iou(box, shift) for shift in corners + inside) >= overlap - 1e-5
    assert min(iou(box, shift * 1.02) for shift in corners) < overlap


def test_the_radius_of_a_square_is_the_hand_made_one_and_not_cornernet_s() -> None:
    """(10 - 2r)² = 70; the published code gives 2.73, whose corners can be off down to an IoU of .21."""
    r = float(radius(torch.tensor([[10.0, 10.0]]), 0.7))
    assert r == pytest.approx((10 - 70**0.5) / 2, abs=1e-5)
    theirs = (-2 * 0.7 * 20 + ((2 * 0.7 * 20) ** 2 + 4 * 4 * 0.7 * 0.3 * 100) ** 0.5) / 2
    assert theirs == pytest.approx(2.73, abs=0.01)
    assert iou(np.array([10.0, 10.0]), np.array([theirs, theirs, -theirs, -theirs])) == pytest.approx(0.206, abs=1e-3)


def test_a_box_without_area_has_no_radius() -> None:
    assert radius(torch.tensor([[0.0, 5.0], [0.0, 0.0]]), 0.7).tolist() == [0, 0]


def test_the_heatmap_is_the_highest_gaussian_of_its_class() -> None:
    boxes = truth(((8, 8, 48, 48), 0, False), ((20, 8, 60, 48), 0, False), ((0, 0, 8, 8), 1, False))
    wanted = targets([boxes], (2, 24), 1 / 4, 0.7)
    wide = float(spread(torch.tensor([[10.0, 10.0]]), 0.7))
    assert wide == pytest.approx((2 * (10 - 70**0.5) / 2 + 1) / 6, rel=1e-5)
    assert wanted.heat[0, 0, 7, 7] == wanted.heat[0, 0, 7, 10] == 1
    for row, column in ((7, 8), (8, 8), (6, 9), (9, 12)):
        away = min((row - 7) ** 2 + (column - x) ** 2 for x in (7, 10))
        assert float(wanted.heat[0, 0, row, column]) == pytest.approx(np.exp(-away / (2 * wide**2)), rel=1e-4)
    assert wanted.heat[0, 1, 1, 1] == 1
    assert wanted.heat[0, 1].sum() < 1.5
    assert wanted.sizes.tolist() == [[10, 10], [10, 10], [2, 2]]


def test_an_offset_is_what_rounding_down_to_a_cell_loses() -> None:
    wanted = targets([truth(((9, 10, 16, 25), 1, False))], (2, 24), 1 / 4, 0.7)
    assert (wanted.column.tolist(), wanted.row.tolist()) == ([3], [4])
    assert wanted.offsets.tolist() == [[0.125, 0.375]]
    assert wanted.sizes.tolist() == [[1.75, 3.75]]


def test_objects_keep_their_image_and_a_photo_without_any_has_none() -> None:
    photos = [truth(), truth(((0, 0, 8, 8), 0, False), ((8, 8, 16, 16), 1, False)), truth(((0, 0, 4, 4), 1, True))]
    wanted = targets(photos, (2, 24), 1 / 4, 0.7)
    assert wanted.image.tolist() == [1, 1]
    assert wanted.heat[0].sum() == wanted.heat[2].sum() == 0
    assert wanted.counted[:2].all()
    assert (~wanted.counted[2]).nonzero().tolist() == [[0, 0]]


def test_a_centre_on_the_image_s_last_edge_has_a_cell() -> None:
    wanted = targets([truth(((96, 90, 96, 96), 0, False))], (2, 24), 1 / 4, 0.7)
    assert (wanted.column.tolist(), wanted.row.tolist()) == ([23], [23])


def test_every_cell_that_an_ignored_box_touches_is_left_out() -> None:
    boxes = truth(((5, 9, 12, 17), 0, True))
    left_out = (~targets([boxes], (2, 24), 1 / 4, 0.7).counted[0]).nonzero()
    assert left_out.tolist() == [[row, column] for row in (2, 3, 4) for column in (1, 2)]
