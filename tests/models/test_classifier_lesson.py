"""A classifier that teaches another: its softened scores, counted over the whole batch."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor

from mfast_edge.errors import UserError
from mfast_edge.model import Known
from mfast_edge.models.classifier.build import Build
from mfast_edge.models.classifier.classifier import MODEL
from mfast_edge.models.classifier.distill import answers


def known(seed: int = 0, **given: Any) -> Known:
    settings = Build(**{"classes": ("a", "b", "c"), "network": "tiny_net", **given})
    torch.manual_seed(seed)
    return Known(MODEL.network(settings).eval(), MODEL.ready(MODEL.facts(settings)))


def images() -> Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255


def test_what_is_asked_is_the_divergence_of_scores_softened_by_two() -> None:
    """T² · Σ p ln(p / q) with p and q the softmax of halved logits (Hinton 2015), the mean over images."""
    ours, theirs = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[2.0, 0.0], [3.0, 3.0]])
    sure = 1 / (1 + exp(-1))
    by_hand = 4 * (sure * log(sure / 0.5) + (1 - sure) * log((1 - sure) / 0.5)) / 2
    assert float(answers((ours,), (theirs,))["teacher_class"]) == pytest.approx(by_hand, abs=1e-6)


def test_a_classifier_has_nothing_to_learn_from_itself_and_something_from_another() -> None:
    for seed, same in ((0, True), (1, False)):
        student = known(seed)
        _, terms = MODEL.lesson(student, known(), 1.0, 1.0)(student.network, images())
        assert set(terms) == {"teacher_class", "teacher_maps"}
        assert all((float(term.detach()) < 1e-5) == same for term in terms.values())


def test_the_weights_are_those_of_the_recipe_and_other_sizes_can_teach() -> None:
    student = known(1)
    with torch.no_grad():
        once, twice = (
            MODEL.lesson(student, known(size=96, width=2.0), logits, 0.0)(student.network, images())[1]
            for logits in (1.0, 2.0)
        )
    assert set(once) == {"teacher_class"}
    assert float(twice["teacher_class"]) == pytest.approx(2 * float(once["teacher_class"]))


def test_terms_are_counted_over_all_images_of_several_processes() -> None:
    """`whole` gives the batch's logits; here those of two processes that have two images each."""
    student = known(1)
    lesson: Any = MODEL.lesson(student, known(), 1.0, 0.0)
    alone = lesson(student.network, images())[1]["teacher_class"]
    with torch.no_grad():
        rest = iter((student.network(images()[2:]), known().network(images()[2:])))
    lesson.whole = lambda own: tuple(torch.cat(pair) for pair in zip(own, next(rest), strict=True))
    shared = lesson(student.network, images()[:2])[1]["teacher_class"]
    assert float(shared.detach()) == pytest.approx(float(alone.detach()), rel=1e-4)


def test_a_teacher_of_other_classes_is_refused() -> None:
    with pytest.raises(UserError, match="teacher: 2 classes; one that knows the network's 3 would be right"):
        MODEL.lesson(known(), known(classes=("a", "b")), 1.0, 0.0)
