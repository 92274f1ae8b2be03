"""YOLOv1: grid, codes, responsible predictors, the loss by hand, decoding beside a slow one, learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mfast_edge.errors import UserError
from mfast_edge.models.yolov1.build import Build, halves, pool
from mfast_edge.models.yolov1.decode import decode, ready, unpack
from mfast_edge.models.yolov1.detector import MODEL
from mfast_edge.models.yolov1.targets import code, likeness, objects, overlaps, places, responsible
from mfast_edge.stages.refit import Refit

BACKBONES = (
    "extraction", "vgg16", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet",
)  # fmt: skip


def build(**given: Any) -> Build:
    return Build(**{"classes": ("a", "b"), "size": 96, "grid": 3, "width": 0.25, **given})


def truth(*rows: tuple[float, float, float, float, int], ignored: tuple[bool, ...] = ()) -> tuple[Tensor, ...]:
    """x1 y1 x2 y2 class rows, in px."""
    found = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
    return found[:, :4], found[:, 4].long(), torch.tensor(ignored or (False,) * len(rows), dtype=torch.bool)


def test_the_paper_s_network_has_the_paper_s_size_and_outputs() -> None:
    """271.7 million parameters; 7 x 7 x 30 outputs of 20 classes."""
    names = tuple(map(str, range(20)))
    paper = Build(classes=names, size=448, backbone="extraction", neck=(1024,) * 4, hidden=4096)
    with torch.device("meta"):
        network: Any = MODEL.network(paper).eval()
        boxes, classes = network(torch.zeros(1, 3, 448, 448))
    assert boxes.numel() + classes.numel() == 7 * 7 * 30
    assert sum(layer.weight.numel() for layer in (network.box, network.classify)) == 4096 * 1470
    assert network.hidden.weight.shape == (4096, 7 * 7 * 1024)
    convolutions = [one for one in network.modules() if isinstance(one, torch.nn.Conv2d)]
    assert len(convolutions) == 24
    assert sum(one.numel() for one in network.parameters()) == pytest.approx(271.7e6, rel=1e-3)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_any_backbone_at_any_size_tells_as_many_cells_as_asked(backbone: str) -> None:
    for size, grid in ((96, 3), (97, 4), (160, 2), (200, 7)):
        network = MODEL.network(build(backbone=backbone, size=size, grid=grid, boxes=3)).eval()
        boxes, classes = network(torch.zeros(2, 3, size, size))
        assert boxes.shape == (2, grid * grid * 3, 5)
        assert classes.shape == (2, grid * grid, 2)


def test_a_map_becomes_the_grid_by_one_convolution_and_pooling() -> None:
    assert halves(build(size=448, grid=7))
    assert pool(build(size=448, grid=7)) == (1, 1)
    assert pool(build(size=448, grid=7, neck=())) == (2, 2)
    assert pool(build(size=224, grid=7)) == (1, 1)
    assert pool(build(size=320, grid=7)) == (4, 1)  # 10 cells: 7 windows of 4


def test_a_grid_finer_than_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match="at 160 px at most 5 cells, or 193 px and more, would be right"):
        build(size=160, grid=7)


def test_an_object_belongs_to_the_cell_of_its_centre() -> None:
    found = objects([truth(), truth((10, 40, 30, 80, 1), (90, 90, 96, 96, 0), (5, 5, 5, 9, 0))], (96, 96), 3)
    assert found.cells.tolist() == [9 + 3, 9 + 8]  # the second image's; nothing without an area
    torch.testing.assert_close(found.boxes[0] * 96, torch.tensor([20.0, 60, 20, 40]))
    assert found.classes.tolist() == [1, 0]


def test_a_code_is_a_place_in_the_cell_and_the_roots_of_the_sides() -> None:
    boxes = torch.tensor([[0.5, 0.75, 0.25, 0.64]])
    cells = torch.tensor([9 + 7])  # row 2, column 1 of 3, second image
    told = code(boxes, cells, 3)
    torch.testing.assert_close(told, torch.tensor([[0.5, 0.25, 0.5, 0.8]]))
    torch.testing.assert_close(places(told, cells, 3), boxes)


def test_overlap_is_known_and_boxes_apart_are_compared_by_distance() -> None:
    one = torch.tensor([[0.5, 0.5, 0.2, 0.2]]).repeat(3, 1)
    other = torch.tensor([[0.6, 0.5, 0.2, 0.2], [0.9, 0.5, 0.2, 0.2], [0.8, 0.5, 0.2, 0.2]])
    torch.testing.assert_close(overlaps(one, other), torch.tensor([1 / 3, 0.0, 0.0]))
    torch.testing.assert_close(likeness(one, other), torch.tensor([1 / 3, -0.2, -0.15]))


def test_the_best_pair_of_a_cell_comes_first_and_a_predictor_finds_one_object() -> None:
    scores = torch.tensor([[0.6, 0.5], [0.9, 0.1], [0.2, 0.3], [0.8, 0.7]])
    assert responsible(scores, torch.tensor([4, 4, 2, 4])).tolist() == [-1, 0, 1, 1]


def test_responsible_predictors_are_those_of_a_slow_search() -> None:
    chance = torch.Generator().manual_seed(0)
    for count in (1, 2, 3):
        scores, cells = torch.rand(40, count, generator=chance) - 0.5, torch.randint(0, 12, (40,), generator=chance)
        found, free = [-1] * 40, {(int(cell), number) for cell in cells for number in range(count)}
        for flat in scores.flatten().argsort(descending=True).tolist():
            row, number = divmod(flat, count)
            if found[row] == -1 and (int(cells[row]), number) in free:
                found[row] = number
                free.remove((int(cells[row]), number))
        assert responsible(scores, cells).tolist() == found


def outputs(grid: int = 2, boxes: int = 2, classes: int = 2) -> tuple[Tensor, Tensor]:
    return torch.zeros(1, grid * grid * boxes, 5), torch.zeros(1, grid * grid, classes)


LOSS = MODEL.loss(build(size=100, grid=2))


def test_the_loss_is_the_paper_s_by_hand() -> None:
    """100 px, 2 x 2 cells, 2 boxes. The object 30..70 x 10..50 (centre .5 .3, sides .4) is in cell 1 (x 0, y .6).

    Predictor 3 says x .1 y .6, roots √.4 and √.2: centre .55 .3, sides .4 and .2. IoU: .35 x .2 over .16 + .08 - .07 is
    .07 / .17. Predictor 2 overlaps less.
    """
    codes, kinds = outputs()
    codes[0, 3] = torch.tensor([0.1, 0.6, 0.4**0.5, 0.2**0.5, 0.9])
    codes[0, 2] = torch.tensor([0.9, 0.9, 0.1, 0.1, 0.5])
    codes[0, 0, 4] = 0.2
    kinds[0, 1] = torch.tensor([0.3, 0.6])
    kinds[0, 0] = 7.0  # a cell without an object learns no class
    told = LOSS((codes, kinds), [truth((30, 10, 70, 50, 1))])
    assert float(told["box"]) == pytest.approx(5 * (0.1**2 + (0.4**0.5 - 0.2**0.5) ** 2), rel=1e-5)
    assert float(told["object"]) == pytest.approx((0.9 - 0.07 / 0.17) ** 2, rel=1e-5)
    assert float(told["empty"]) == pytest.approx(0.5 * (0.5**2 + 0.2**2), rel=1e-5)
    assert float(told["class"]) == pytest.approx(0.3**2 + 0.4**2, rel=1e-5)


def test_the_loss_is_the_mean_over_images() -> None:
    codes, kinds = (torch.randn(2, *out.shape[1:]) for out in outputs())
    first, second = truth((30, 10, 70, 50, 1)), truth()
    both = LOSS((codes, kinds), [first, second])
    each = [LOSS((codes[n : n + 1], kinds[n : n + 1]), [one]) for n, one in enumerate((first, second))]
    for name, term in both.items():
        torch.testing.assert_close(term, (each[0][name] + each[1][name]) / 2)


def test_objects_of_two_classes_in_a_cell_share_its_classes() -> None:
    codes, kinds = outputs()
    told = LOSS((codes, kinds), [truth((10, 10, 30, 30, 0), (12, 12, 40, 40, 1))])
    assert float(told["class"]) == pytest.approx(0.5**2 + 0.5**2)


def test_an_ignored_object_teaches_nothing_and_its_cell_no_confidence() -> None:
    codes, kinds = outputs()
    codes[..., 4] = 1.0
    told = LOSS((codes, kinds), [truth((10, 10, 30, 30, 0), ignored=(True,))])
    assert float(told["empty"]) == pytest.approx(0.5 * 6)
    assert sum(float(told[name]) for name in ("box", "object", "class")) == 0


def test_a_cell_with_its_centre_in_an_ignored_region_learns_no_confidence() -> None:
    """The left 30 of 100 px, in both images' four cells: the region's centre is in the upper left one."""
    codes, kinds = (out.repeat(2, 1, 1) for out in outputs())
    codes[..., 4] = 1.0
    region = truth((0, 0, 30, 90, 0), ignored=(True,))
    assert float(LOSS((codes, kinds), [region, region])["empty"]) == pytest.approx(0.5 * 4)
    assert float(LOSS((codes, kinds), [truth(), region])["empty"]) == pytest.approx(0.5 * (8 + 4) / 2)


def test_a_photo_without_boxes_has_a_finite_loss_and_gradient() -> None:
    codes, kinds = (out.requires_grad_() for out in outputs())
    torch.stack(list(LOSS((codes, kinds), [truth()]).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert codes.grad is not None
    assert torch.isfinite(codes.grad).all()


def slow(codes: np.ndarray, kinds: np.ndarray, facts: dict[str, Any]) -> list[tuple[list[float], list[float]]]:
    """Cell by cell, predictor by predictor, as the paper tells it."""
    found, grid = [], facts["grid"]
    for row in range(grid):
        for column in range(grid):
            cell = row * grid + column
            for number in range(facts["boxes"]):
                x, y, w, h, sure = codes[0, cell * facts["boxes"] + number].tolist()
                sides = [max(0.0, w) ** 2, max(0.0, h) ** 2]
                cx, cy = (column + x) / grid, (row + y) / grid
                scores = [min(max(sure, 0), 1) * min(max(p, 0), 1) for p in kinds[0, cell].tolist()]
                if max(scores) >= facts["score_threshold"]:
                    box = [cx - sides[0] / 2, cy - sides[1] / 2, cx + sides[0] / 2, cy + sides[1] / 2]
                    found.append((box, scores))
    return found


def test_decoding_is_what_a_slow_decoder_does() -> None:
    chance = np.random.default_rng(0)
    facts = MODEL.facts(build(grid=3, boxes=3, classes=("a", "b", "c")))
    codes = chance.normal(0.3, 0.5, (1, 27, 5)).astype(np.float32)
    kinds = chance.normal(0.3, 0.5, (1, 9, 3)).astype(np.float32)
    boxes, scores = decode([codes, kinds], ready(facts))
    wanted = slow(codes, kinds, facts)
    assert 0 < len(wanted) < 27
    np.testing.assert_allclose(boxes, [box for box, _ in wanted], atol=1e-6)
    np.testing.assert_allclose(scores, [row for _, row in wanted], atol=1e-6)


def test_of_more_than_the_candidates_the_best_are_decoded() -> None:
    facts = {**MODEL.facts(build()), "candidates": 2}
    codes, kinds = np.zeros((1, 18, 5), np.float32), np.ones((1, 9, 2), np.float32)
    codes[0, :, 4] = np.linspace(0.1, 0.9, 18)
    _, scores = decode([codes, kinds], ready(facts))
    np.testing.assert_allclose(scores[:, 0], codes[0, 16:, 4])


def test_decoding_in_torch_is_what_a_board_does() -> None:
    codes = torch.randn(18, 5)
    known = ready(MODEL.facts(build()))
    there = places(codes, torch.arange(9).repeat_interleave(2), 3)
    corners = torch.cat([there[:, :2] - there[:, 2:] / 2, there[:, :2] + there[:, 2:] / 2], 1)
    np.testing.assert_allclose(unpack(codes.numpy(), known["corners"], 3), corners.numpy(), atol=1e-5)


def test_cells_start_alike_and_look_at_themselves_alone() -> None:
    torch.manual_seed(0)
    network: Any = MODEL.network(build(hidden=1100)).eval()  # 280 features: 31 for each cell, one left
    same = torch.rand(1, network.channels, 1, 1).expand(-1, -1, 3, 3)
    with torch.no_grad():
        network.hidden.weight[31 * 9 :] = 0
        plain = [out.reshape(9, -1) for out in network.predict([same])]
        other = same.clone()
        other[:, :, 1, 2] += 1
        moved = [out.reshape(9, -1) for out in network.predict([other])]
    for one, two in zip(plain, moved, strict=True):
        torch.testing.assert_close(one, one[:1].expand_as(one))
        assert ((one - two).abs().amax(1) > 1e-4).nonzero().flatten().tolist() == [5]


def test_a_random_start_is_as_torch_has_it() -> None:
    network: Any = MODEL.network(build(start="random", hidden=32))
    weight = network.hidden.weight
    assert float(weight.detach().std() * (3 * weight.shape[1]) ** 0.5) == pytest.approx(1, rel=0.05)


def test_a_few_images_are_learnt_by_heart() -> None:
    """What is learnt is found: the two objects of each image, first, with their classes."""
    torch.manual_seed(0)
    network = MODEL.network(build(backbone="mobilenet_v1", neck=(64,), hidden=512, dropout=0.0)).train()
    images = torch.rand(4, 3, 96, 96) * 255
    truths = [truth((8 + 4 * n, 8, 40, 40, 0), (50, 44, 90, 92 - 4 * n, 1)) for n in range(4)]
    loss, optimiser = MODEL.loss(build()), torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(60):
        optimiser.zero_grad()
        total = torch.stack(list(loss(network(images), truths).values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(total.detach()) < 0.1
    with torch.no_grad():
        told = [out.numpy() for out in network(images)]  # norms of these images: still in train mode
    for number, (boxes, classes, _) in enumerate(truths):
        found, scores = decode([out[number : number + 1] for out in told], ready(MODEL.facts(build())))
        best = np.argsort(-scores.max(1))[:2]
        order = best[np.argsort(scores[best].argmax(1))]
        np.testing.assert_array_equal(scores[order].argmax(1), classes.numpy())
        np.testing.assert_allclose(found[order] * 96, boxes.numpy(), atol=8)


def test_anchors_cannot_be_fitted_where_there_are_none() -> None:
    one = build()
    assert MODEL.fewer(one, [], 0.1) is one
    with pytest.raises(UserError, match=r"refit\.anchors: 6 given and yolov1 has no anchors; matched would be right"):
        Refit(anchors=6).suits(MODEL)


def test_cells_cannot_start_alike_with_fewer_hidden_features_than_cells() -> None:
    with pytest.raises(
        UserError, match=r"model\.start: cells given, and 8 hidden .* 9 cells; .*random, would be right"
    ):
        MODEL.network(build(grid=3, hidden=8, width=1.0))
