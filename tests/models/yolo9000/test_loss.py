"""YOLO9000's loss: values by hand, who is responsible, the tree, photos of which only classes are known."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
import torch

from mfast_edge.models.yolo9000.detector import MODEL
from mfast_edge.models.yolo9000.scores import Scores
from mfast_edge.models.yolo9000.targets import NOBODY, assign, decode, encode
from tests.models.yolo9000.scene import SHAPES, build, grown, silent, truth

QUIET = log(1 + exp(-9.0))  # of an anchor at -9 that has no object


def test_an_object_belongs_to_the_cell_of_its_centre_and_the_shape_most_like_it() -> None:
    boxes = torch.tensor([[0.4, 0.45, 0.6, 0.55], [0.7, 0.0, 1.0, 0.4], [0.45, 0.45, 0.65, 0.55]])
    places = assign(torch.tensor(SHAPES), 3, boxes)
    assert places.tolist() == [4 * 2, 2 * 2 + 1, 4 * 2 + 1]  # the third takes the shape that its cell has left
    assert assign(torch.tensor(SHAPES), 3, boxes[[0, 0, 0]]).tolist() == [8, 9, NOBODY]
    assert assign(torch.tensor(SHAPES), 3, torch.tensor([[0.9, 0.9, 1.1, 1.1]])).tolist() == [16]


def test_a_box_of_an_anchor_s_shape_in_the_middle_of_a_cell_is_all_zeros() -> None:
    base = torch.tensor([[1.0, 2.0, 0.1, 0.2]])  # row 1, column 2 of 3
    box = torch.tensor([[2.5 / 3 - 0.1, 0.5 - 0.05, 2.5 / 3 + 0.1, 0.5 + 0.05]])
    centre, sizes = encode(box, base, 3)
    torch.testing.assert_close(centre, torch.tensor([[0.5, 0.5]]))
    torch.testing.assert_close(sizes, torch.zeros(1, 2), atol=1e-6, rtol=0)
    torch.testing.assert_close(decode(torch.zeros(1, 4), base, 3), box)


def test_the_loss_of_one_object_is_as_worked_out_by_hand() -> None:
    """A box as wide as its anchor and twice as high, a quarter of a cell to the right of the middle."""
    codes, objects, logits = silent(build())
    objects[0, 8] = 0.0
    logits[0, 8] = torch.tensor([1.0, -1.0])
    middle = 0.5 + 0.25 / 3
    box = (0, middle - 0.1, 0.4, middle + 0.1, 0.6)
    told = MODEL.loss(build())((codes, objects, logits), [truth(box)])
    area = 0.2 * 0.2
    assert float(told["box"]) == pytest.approx(5 * (2 - area) * (0.25**2 + log(2) ** 2), rel=1e-5)
    shared = (0.2 - 0.25 / 3) * 0.1
    assert shared / (0.02 + area - shared) < 0.6
    assert float(told["object"]) == pytest.approx(5 * log(2) + 17 * QUIET, rel=1e-4)  # at 0 any overlap costs as much
    assert float(told["class"]) == pytest.approx(log(1 + exp(-2.0)), rel=1e-5)


def test_objectness_learns_the_overlap_that_is_reached() -> None:
    """The box that is found is the anchor's own: .1 x .2, of the object's .2 x .2 it covers half."""
    codes, _, logits = silent(build())
    objects = torch.full((1, 18, 1), -9.0, requires_grad=True)
    loss = MODEL.loss(build())
    optimiser = torch.optim.Adam([objects], 0.3)
    for _ in range(300):
        optimiser.zero_grad()
        told = loss((codes, objects, logits), [truth((0, 0.4, 0.4, 0.6, 0.6))])["object"]
        told.backward()
        optimiser.step()
    assert float(objects.detach()[0, 8].sigmoid()) == pytest.approx(0.5, abs=0.01)


def test_a_near_box_and_an_ignored_object_cost_nothing_where_they_are() -> None:
    loss = MODEL.loss(build())
    codes, objects, logits = silent(build())
    bare = float(loss((codes, objects, logits), [truth()])["object"])
    objects[0, 8] = 3.0  # finds .2 x .1 in the middle
    loud = float(loss((codes, objects, logits), [truth()])["object"])
    assert loud == pytest.approx(bare - QUIET + log(1 + exp(3.0)), rel=1e-4)
    ignored = loss((codes, objects, logits), [truth((0, 0.4, 0.45, 0.6, 0.55), ignore=True)])
    assert float(ignored["object"]) == pytest.approx(bare - QUIET, rel=1e-4)
    assert float(ignored["box"]) == float(ignored["class"]) == 0
    codes[0, 9, 2:] = torch.tensor([log(0.1 / 0.4), log(0.2 / 0.3)])  # the other shape finds the same box
    objects[0, 8], objects[0, 9] = -9.0, 3.0
    near = loss((codes, objects, logits), [truth((0, 0.4, 0.45, 0.6, 0.55))])
    assert float(near["object"]) == pytest.approx(5 * (9 + QUIET) + 16 * QUIET, rel=1e-4)


def test_what_lies_in_an_ignored_region_is_not_blamed_for_being_found() -> None:
    """The left two of three columns are not to be looked at: 6 cells with 2 shapes each, all but those at the edge."""
    codes, objects, logits = silent(build())
    told = MODEL.loss(build())((codes, objects, logits), [truth((0, 0, 0, 2 / 3, 1), ignore=True)])
    assert float(told["object"]) == pytest.approx(6 * QUIET, rel=1e-4)


def test_every_term_is_per_object_whatever_the_batch() -> None:
    codes, objects, logits = silent(build())
    one = MODEL.loss(build())((codes, objects, logits), [truth((1, 0.1, 0.1, 0.3, 0.2))])
    twice = [torch.cat([out, out]) for out in (codes, objects, logits)]
    two = MODEL.loss(build())(twice, [truth((1, 0.1, 0.1, 0.3, 0.2))] * 2)  # type: ignore[arg-type]
    for name in one:
        torch.testing.assert_close(one[name], two[name])


def test_any_grid_is_learnt_on_though_the_build_says_another() -> None:
    loss = MODEL.loss(build())
    outputs = torch.zeros(1, 50, 4), torch.full((1, 50, 1), -9.0), torch.zeros(1, 50, 2)
    boxes, classes, ignore, labels = truth((0, 0.4, 0.45, 0.6, 0.55))
    told = loss(outputs, [(boxes * 160 / 96, classes, ignore, labels)])
    assert float(told["box"]) == pytest.approx(0, abs=1e-6)


def test_a_tree_s_loss_is_the_path_s_and_no_further() -> None:
    settings = grown()
    scores = Scores(MODEL.facts(settings))
    logits = torch.randn(settings.nodes, generator=torch.Generator().manual_seed(0))
    names = [name for name, _ in settings.tree or ()]
    at = {name: float(value) for name, value in zip(names, logits.tolist(), strict=True)}

    def given(name: str, *siblings: str) -> float:
        return at[name] - log(sum(exp(at[one]) for one in (name, *siblings)))

    terrier = given("animal", "thing") + given("dog", "cat") + given("terrier", "beagle")
    found = scores.loss(logits.expand(2, -1), torch.tensor([0, 3]))
    np.testing.assert_allclose(found.tolist(), [-terrier, -given("animal", "thing")], rtol=1e-5)


def test_sigmoids_are_each_class_by_itself() -> None:
    scores = Scores(MODEL.facts(build(scores="sigmoid")))
    logits = torch.tensor([[0.0, 2.0]])
    assert float(scores.loss(logits, torch.tensor([0]))) == pytest.approx(log(2) + log(1 + exp(2.0)), rel=1e-5)
    assert float(scores.loss(logits, torch.tensor([1]), alone=True)) == pytest.approx(log(1 + exp(-2.0)), rel=1e-5)


def test_a_photo_of_which_only_a_class_is_known_teaches_its_surest_anchor_that_class() -> None:
    settings = grown()
    codes, objects, logits = (out.requires_grad_() for out in silent(settings, -3.0))
    with torch.no_grad():
        objects[0, 5] = -1.0
    told = MODEL.loss(settings)((codes, objects, logits), [truth(labels=(0,))])
    assert float(told["box"].detach()) == 0
    assert float(told["class"].detach()) == pytest.approx(3 * log(2), rel=1e-5)
    least = 0.3 * log(1 + exp(1.0)) + 0.7 * log(1 + exp(-1.0))
    assert float(told["object"].detach()) == pytest.approx(5 * least, rel=1e-4)
    torch.stack(list(told.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert objects.grad is not None
    assert logits.grad is not None
    assert objects.grad[0, :, 0].nonzero().flatten().tolist() == [5]
    assert logits.grad[0].abs().sum(1).nonzero().flatten().tolist() == [5]
    assert float(objects.grad[0, 5, 0]) < 0


def test_a_photo_that_was_never_searched_for_boxes_teaches_its_class() -> None:
    """As class folders are read: one ignored region from edge to edge beside the label."""
    settings, whole = build(), truth((0, 0, 0, 1, 1), labels=(1,), ignore=True)
    outputs = silent(settings, -1.0)
    told, bare = (MODEL.loss(settings)(outputs, [one]) for one in (whole, truth(labels=(1,))))
    assert all(torch.equal(told[name], bare[name]) for name in bare)
    assert float(told["class"]) > 0


def test_an_anchor_that_is_sure_already_is_not_held_back_by_a_photo_s_class() -> None:
    codes, objects, logits = silent(build())
    objects[0, 5] = 2.0
    assert float(MODEL.loss(build())((codes, objects, logits), [truth(labels=(1,))])["object"]) == 0
    boxed = truth((0, 0.1, 0.1, 0.3, 0.2))
    both = MODEL.loss(build())((codes, objects, logits), [(*boxed[:3], torch.tensor([1]))])
    bare = MODEL.loss(build())((codes, objects, logits), [boxed[:3]])
    assert all(torch.equal(both[name], bare[name]) for name in bare)  # boxes say more than the photo's class
