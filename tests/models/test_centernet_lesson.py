"""A CenterNet that learns from another: heatmaps, boxes and maps of other sizes and widths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfast_edge.model import Known
from mfast_edge.models.centernet.build import Build
from mfast_edge.models.centernet.detector import MODEL
from mfast_edge.models.centernet.distill import Lesson, answers


def build(**given: Any) -> Build:
    return Build(**{"classes": ("a", "b"), "size": 96, "width": 0.25, **given})


def known(settings: Build, seed: int = 0) -> Known:
    """A network from random weights that is sure of something."""
    torch.manual_seed(seed)
    network: Any = MODEL.network(settings)
    nn.init.normal_(network.heatmap.last.weight, std=1.0)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(8, 3, settings.size, settings.size) * 255)
    return Known(network.eval(), MODEL.ready(MODEL.facts(settings)))


def images() -> Tensor:
    return torch.rand(4, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 255


def test_a_network_has_nothing_to_learn_from_itself() -> None:
    teacher = known(build())
    lesson = Lesson(known(build()), teacher, 1.0, 1.0)
    outputs, terms = lesson(known(build()).network, images())
    assert set(terms) == {"teacher_heatmap", "teacher_box", "teacher_maps"}
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-3) for term in terms.values())
    for one, two in zip(outputs, teacher.network(images()), strict=True):
        torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-3)
    _, others = lesson(known(build(), seed=1).network, images())
    assert all(float(term.detach()) > 0.02 for term in others.values())


@pytest.mark.parametrize("given", [{"width": 0.5}, {"size": 128}, {"backbone": "mobilenet_v2"}, {"heads": "full"}])
def test_another_width_size_or_backbone_can_teach_and_all_that_learns_has_a_gradient(given: dict[str, Any]) -> None:
    student = known(build())
    lesson = Lesson(student, known(build(**given)), 1.0, 0.5)
    _, terms = lesson(student.network.requires_grad_(True), images())
    sum(terms.values()).backward()
    learning = [*student.network.parameters(), *lesson.parameters()]
    trained = [one for one in learning if one.requires_grad]
    assert all(one.grad is not None and one.grad.isfinite().all() for one in trained)
    assert bool(list(lesson.adapter.parameters())) == (given.get("width") == 0.5)  # type: ignore[union-attr]


def test_features_alone_and_logits_alone_give_only_their_terms() -> None:
    student, teacher = known(build()), known(build(), seed=1)
    assert set(Lesson(student, teacher, 0.0, 1.0)(student.network, images())[1]) == {"teacher_maps"}
    assert set(Lesson(student, teacher, 1.0, 0.0)(student.network, images())[1]) == {"teacher_heatmap", "teacher_box"}


def test_terms_count_over_the_batch_of_all_processes() -> None:
    """Here `whole` leaves two of four images: the terms are theirs."""
    student = known(build(), seed=1)
    lesson = Lesson(student, known(build()), 1.0, 1.0)
    _, wanted = lesson(student.network, images()[:2])

    def first(tensors: Any) -> Any:
        return tensors[:2] if isinstance(tensors, Tensor) else tuple(one[:2] for one in tensors)

    lesson.whole = first
    _, told = lesson(student.network, images())
    for name, term in wanted.items():
        torch.testing.assert_close(told[name], term, msg=name)


def maps(side: int, height: float = -9.0) -> tuple[Tensor, Tensor, Tensor]:
    return torch.full((1, 1, side, side), height), torch.zeros(1, 2, side, side), torch.zeros(1, 2, side, side)


def test_a_peak_teaches_the_cell_that_holds_it_in_a_map_of_another_size() -> None:
    """At (9.5, 5.25) of 24 cells, 4 x 2 of them; of 12 cells at (4.75, 2.625), 2 x 1."""
    theirs, ours = maps(24), maps(12)
    theirs[0][0, 0, 5, 9] = 2.0
    theirs[2][0, :, 5, 9] = torch.tensor([0.5, 0.25])
    theirs[1][0, :, 5, 9] = torch.tensor([4.0, 2.0]) / 8
    ours[1][0, :, 2, 4], ours[2][0, :, 2, 4] = torch.tensor([2.0, 1.5]) / 8, torch.tensor([0.75, 0.125])
    told = answers(ours, theirs, 0.5)
    assert float(told["teacher_box"]) == pytest.approx((0.1 * 0.5 + 0.5) * 0.8808, rel=1e-3)
    right = [one.clone() for one in maps(12)]
    right[0][0, 0, 2, 4] = 2.0
    beside = float(answers(tuple(right), theirs, 0.5)["teacher_heatmap"])  # type: ignore[arg-type]
    assert beside < 0.1 * float(told["teacher_heatmap"])


def test_a_teacher_that_is_sure_of_nothing_teaches_scores_only() -> None:
    told = answers(maps(24), maps(24, -2.0), 1.0)
    assert float(told["teacher_box"]) == 0
    assert float(told["teacher_heatmap"]) > 1
