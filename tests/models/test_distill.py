"""Learning from a teacher: anchors alike, detections, feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfast_edge.model import Known
from mfast_edge.models.ssd import decode as numbers
from mfast_edge.models.ssd.build import Build
from mfast_edge.models.ssd.distill import LIKE, Answers, Imitation, Lesson, apart, divergence, likes
from mfast_edge.models.ssd.mbv1 import MODEL
from mfast_edge.models.ssd.targets import corners, decode, encode
from mfast_edge.models.ssd.tiny import MODEL as TINY


def build(**given: Any) -> Build:
    return Build(classes=("a", "b"), **{"size": 96, "width": 0.25, **given})


def known(settings: Build, model: Any = MODEL, seed: int = 0) -> Known:
    """A network from random weights that is sure of something: its class heads are loud."""
    torch.manual_seed(seed)
    network = model.network(settings)
    for head in network.heads.values():
        nn.init.normal_(head.classify.weight, std=1.0)
        nn.init.normal_(head.box.weight, std=0.1)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(8, 3, settings.size, settings.size) * 255)
    return Known(network.eval(), model.ready(model.facts(settings)))


FEW = (((0.1, 0.1),), ((0.35, 0.35), (0.3, 0.6)), (), (), (), ())


def facts(settings: Build) -> dict[str, Any]:
    return MODEL.ready(MODEL.facts(settings))


def images() -> Tensor:
    return torch.rand(4, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 255


def test_a_network_has_nothing_to_learn_from_itself() -> None:
    teacher = known(build())
    lesson = Lesson(known(build()), teacher, 1.0, 1.0)
    outputs, terms = lesson(known(build()).network, images())
    assert set(terms) == {"teacher_box", "teacher_class", "teacher_maps"}
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-3) for term in terms.values())
    for one, two in zip(outputs, teacher.network(images()), strict=True):
        torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-3)
    _, others = lesson(known(build(), seed=1).network, images())
    assert all(float(term.detach()) > 0.05 for term in others.values())


@pytest.mark.parametrize("given", [{"width": 0.125}, {"size": 128}, {"scale_low": 0.3}, {"anchors": FEW}, None])
def test_another_width_size_anchors_or_levels_can_be_taught(given: dict[str, Any] | None) -> None:
    student = known(build(), TINY) if given is None else known(build(**given))
    seen = torch.rand(4, 3, student.facts["height"], student.facts["width"]) * 255
    network = student.network.train()
    lesson = Lesson(student, known(build(), seed=1), 1.0, 1.0)
    optimiser = torch.optim.Adam([*network.parameters(), *lesson.parameters()], 3e-3)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = torch.stack(list(lesson(network, seen)[1].values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_the_teacher_stays_as_it_was_and_is_no_part_of_what_is_saved() -> None:
    teacher, student = known(build()), known(build(width=0.125))
    before = {name: tensor.clone() for name, tensor in teacher.network.state_dict().items()}
    lesson = Lesson(student, teacher, 1.0, 1.0).train()
    _, terms = lesson(student.network.train(), images())
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.network.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.network.parameters())
    assert lesson.state_dict()
    assert all(name.startswith("imitation.adapters") for name in lesson.state_dict())
    assert all(parameter.grad is not None for parameter in lesson.parameters())


def test_a_weight_of_0_leaves_its_part_out() -> None:
    student, teacher = known(build(width=0.125)), known(build())
    logits, maps = Lesson(student, teacher, 2.0, 0.0), Lesson(student, teacher, 0.0, 1.0)
    assert not list(logits.parameters())
    _, twice = logits(student.network, images())
    _, once = Lesson(student, teacher, 1.0, 0.0)(student.network, images())
    assert twice.keys() == {"teacher_box", "teacher_class"}
    assert all(torch.allclose(twice[name], 2 * once[name]) for name in twice)
    assert maps(student.network, images())[1].keys() == {"teacher_maps"}


def test_the_same_anchors_are_paired_one_to_one() -> None:
    base = corners(torch.from_numpy(facts(build())["anchors"]))
    which, alike = likes(base, base)
    assert which.tolist() == list(range(len(base)))
    assert alike.all()


def test_other_anchors_are_paired_with_the_one_they_overlap_most_if_it_is_like_them() -> None:
    base = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.4, 0.4, 0.8, 0.8], [0.0, 0.0, 0.1, 0.1]])
    theirs = torch.tensor([[0.5, 0.5, 0.9, 0.9], [0.1, 0.0, 0.6, 0.5], [0.4, 0.4, 0.9, 0.8]])
    which, alike = likes(base, theirs)
    assert which.tolist()[:2] == [1, 2]
    assert alike.tolist() == [True, True, False]
    assert LIKE < 2 / 3  # the first pair's overlap


def answer(teacher: Build, anchor: int, score: float, box: Tensor) -> tuple[Tensor, Tensor]:
    """A teacher's outputs: `box` (1, 4) of class 1 at one anchor, sure of nothing else."""
    known = facts(teacher)
    base = torch.from_numpy(known["anchors"])
    codes, logits = torch.zeros(1, len(base), 4), torch.full((1, len(base), 2), -12.0)
    codes[0, anchor] = encode(box, base[anchor : anchor + 1], torch.tensor(known["variances"]))[0]
    logits[0, anchor, 1] = torch.tensor(score).logit()
    return codes, logits


def test_a_box_is_learnt_in_the_student_s_own_codes_where_the_teacher_is_sure() -> None:
    small, large = build(size=144), build(size=192)
    answers = Answers(facts(small), facts(large))
    anchor = int((answers.alike & (answers.like != torch.arange(len(answers.like)))).nonzero()[50])
    there = int(answers.like[anchor])
    box = answers.anchors[anchor : anchor + 1]
    box = corners(box + torch.tensor([[0.01, -0.02, 0.03, 0.04]]))
    right, logits = answer(small, anchor, 0.9, box)
    wanted = answer(large, there, 0.9, box)
    found = answers((right, logits), wanted)
    assert float(found["teacher_box"]) == pytest.approx(0, abs=1e-4)
    wrong = answers((right + 1, logits), wanted)
    assert float(wrong["teacher_box"]) > 0.9 * 0.5 * 4 * 0.9  # smooth L1 of 1 is .5, four codes, a score of .9
    unsure = answers((right + 1, logits), answer(large, there, 0.2, box))
    assert float(unsure["teacher_box"]) == 0


def test_the_class_gradient_is_the_difference_of_scores() -> None:
    ours = torch.tensor([[0.3, -2.0], [1.0, 4.0]], requires_grad=True)
    theirs = torch.tensor([[1.3, -2.0], [-1.0, 5.0]])
    divergence(ours, theirs).backward()  # type: ignore[no-untyped-call]
    assert ours.grad is not None
    torch.testing.assert_close(ours.grad, ours.detach().sigmoid() - theirs.sigmoid())
    assert float(divergence(theirs, theirs)) == pytest.approx(0, abs=1e-6)
    assert float(divergence(ours.detach(), theirs)) > 0


def test_an_anchor_like_none_of_the_teacher_s_learns_from_the_truth_alone() -> None:
    here = facts(build())
    answers = Answers(here, {**here, "anchors": here["anchors"][108:]})  # without the first level
    logits = torch.zeros(1, len(here["anchors"]), 2, requires_grad=True)
    count = len(here["anchors"]) - 108
    wanted = (torch.zeros(1, count, 4), torch.full((1, count, 2), 3.0))
    answers((torch.zeros(1, len(here["anchors"]), 4), logits), wanted)["teacher_class"].backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    learnt = logits.grad[0].abs().sum(1) > 0
    assert torch.equal(learnt, answers.alike)
    assert learnt[108:].all()
    assert not learnt[:108].all()


def test_maps_are_compared_by_pearson_s_correlation_of_each_channel() -> None:
    torch.manual_seed(0)
    one, two = torch.randn(3, 5, 4, 4), torch.randn(3, 5, 4, 4)
    rows = [(a.flatten(), b.flatten()) for a, b in zip(one.transpose(0, 1), two.transpose(0, 1), strict=True)]
    golden = np.mean([1 - np.corrcoef(a.numpy(), b.numpy())[0, 1] for a, b in rows])
    assert float(apart(one, two)) == pytest.approx(golden, rel=1e-4)
    assert float(apart(one, 3 * one + 7)) == pytest.approx(0, abs=1e-5)
    assert float(apart(one, -one)) == pytest.approx(2, rel=1e-4)
    assert float(apart(one, torch.nn.functional.interpolate(one, (8, 8)))) < 0.1


def test_a_map_that_is_the_same_everywhere_has_a_finite_gradient() -> None:
    flat = torch.ones(2, 3, 4, 4, requires_grad=True)
    apart(flat, torch.randn(2, 3, 4, 4)).backward()  # type: ignore[no-untyped-call]
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_levels_learn_from_the_level_with_anchors_of_their_size() -> None:
    teacher = known(build())
    assert Imitation(known(build(size=192)), teacher).levels == list(range(6))
    shapes = [tuple(map(tuple, level)) for level in facts(build())["shapes"]]
    rest = build(anchors=((), shapes[1][:1], (), shapes[3][3:], shapes[4][5:], ()))
    assert Imitation(known(rest), teacher).levels == [1, 3, 4]


def test_decoding_in_torch_is_what_a_board_does() -> None:
    base = torch.from_numpy(facts(build())["anchors"])
    codes = torch.randn(len(base), 4) * 3
    variances = [0.1, 0.1, 0.2, 0.2]
    there = numbers.unpack(codes.numpy(), base.numpy(), variances)
    np.testing.assert_allclose(decode(codes, base, torch.tensor(variances)).numpy(), there, atol=1e-5)


def test_bfloat16_teaches_the_same() -> None:
    student, teacher = known(build(width=0.125)), known(build())
    lesson = Lesson(student, teacher, 1.0, 1.0)
    _, exact = lesson(student.network, images())
    with torch.autocast("cpu", torch.bfloat16):
        _, rough = lesson(student.network, images())
    assert all(torch.allclose(rough[name], exact[name], rtol=0.1) for name in exact)
    assert all(term.dtype == torch.float32 for term in rough.values())
