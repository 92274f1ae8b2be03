"""YOLO9000 learns: a few images by heart, classes from photos without boxes, from a teacher."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfast_edge.model import Known
from mfast_edge.models.boxes import overlaps
from mfast_edge.models.yolo9000.build import Build
from mfast_edge.models.yolo9000.detector import MODEL
from mfast_edge.models.yolo9000.distill import Lesson
from mfast_edge.models.yolo9000.network import YOLO
from tests.models.yolo9000.scene import build, grown, truth

COLOURS = torch.tensor([[220.0, 40, 40], [40, 220, 40], [40, 40, 220], [220, 220, 40]])


def scenes(*found: Any) -> Tensor:
    """Grey images with each object of the truths as a block of its class's colour."""
    images = torch.full((len(found), 3, 96, 96), 120.0)
    for image, (boxes, classes, *_) in zip(images, found, strict=True):
        for (x1, y1, x2, y2), kind in zip(boxes.round().int().tolist(), classes.tolist(), strict=True):
            image[:, y1:y2, x1:x2] = COLOURS[kind][:, None, None]
    return images


TRUTHS = [
    truth((0, 0.1, 0.1, 0.35, 0.3), (1, 0.5, 0.55, 0.9, 0.9)),
    truth((1, 0.1, 0.5, 0.5, 0.8)),
    truth((0, 0.55, 0.2, 0.8, 0.4), (0, 0.1, 0.6, 0.4, 0.8)),
    truth((1, 0.3, 0.3, 0.7, 0.6)),
]


def learn(network: nn.Module, settings: Build, images: Tensor, truths: list[Any], steps: int) -> None:
    """So many steps of Adam over all images, then norms measured on them."""
    loss, optimiser = MODEL.loss(settings), torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        optimiser.zero_grad()
        torch.stack(list(loss(network.train()(images), truths).values())).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    for norm in (one for one in network.modules() if isinstance(one, nn.BatchNorm2d)):
        norm.momentum = None
        norm.reset_running_stats()
    with torch.no_grad():
        network(images)
    network.eval()


def test_a_few_images_are_learnt_by_heart() -> None:
    torch.manual_seed(0)
    settings, images = build(), scenes(*TRUTHS)
    network, facts = MODEL.network(settings), MODEL.ready(MODEL.facts(settings))
    learn(network, settings, images, TRUTHS, 80)
    for number, (boxes, classes, *_) in enumerate(TRUTHS):
        with torch.no_grad():
            raw = [out.numpy() for out in network(images[number : number + 1])]
        found, scores = MODEL.decode(raw, facts)
        for box, kind in zip(boxes.numpy() / 96, classes.tolist(), strict=True):
            near = overlaps(box[None], found)[0] > 0.6
            assert scores[near].max() > 0.4
            assert scores[near].max(0).argmax() == kind


def test_photos_without_boxes_teach_their_classes() -> None:
    """Blue blocks are never boxed: told as a whole what is on them, the network knows; otherwise not."""
    hidden = [truth((2, 0.3, 0.3, 0.7, 0.6)), truth((2, 0.1, 0.2, 0.4, 0.5))]
    images, settings = scenes(*TRUTHS, *hidden), grown()
    told = [*TRUTHS, truth(labels=(2,)), truth(labels=(2,))]
    losses = []
    for truths in (told, TRUTHS):
        torch.manual_seed(0)
        network = MODEL.network(settings)
        learn(network, settings, images[: len(truths)], truths, 40)
        with torch.no_grad():
            outputs = network(images[4:])
        losses.append(float(MODEL.loss(settings)(outputs, told[4:])["class"]))
    assert losses[0] < 0.3 * losses[1]


def known(settings: Build, seed: int = 0) -> Known:
    """A network from random weights that is sure of something."""
    torch.manual_seed(seed)
    network = MODEL.network(settings)
    assert isinstance(network, YOLO)
    for leaf in (network.head.box, network.head.object, network.head.classify):
        nn.init.normal_(leaf.weight, std=0.3)
    nn.init.zeros_(network.head.object.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        for _ in range(30):
            network.train()(scenes(*TRUTHS))
    return Known(network.eval(), MODEL.ready(MODEL.facts(settings)))


def test_a_network_has_nothing_to_learn_from_itself_and_something_from_another() -> None:
    for settings in (build(), grown(), build(scores="sigmoid")):
        same = Lesson(known(settings), known(settings), 1.0, 1.0)
        other = Lesson(known(settings), known(settings, 1), 1.0, 1.0)
        _, terms = same(known(settings).network, scenes(*TRUTHS))
        _, more = other(known(settings).network, scenes(*TRUTHS))
        assert set(terms) == {"teacher_box", "teacher_object", "teacher_class", "teacher_maps"}
        np.testing.assert_allclose([float(term.detach()) for term in terms.values()], 0, atol=1e-3)
        assert min(float(term.detach()) for term in more.values()) > 0.05, more


def test_another_width_size_and_anchors_can_be_taught() -> None:
    teacher = known(build(), 1)
    for given in ({"width": 0.125}, {"size": 128}, {"anchors": ((0.2, 0.2),)}):
        student = known(build(**given))
        network, side = student.network.train(), student.facts["height"]
        seen = nn.functional.interpolate(scenes(*TRUTHS), side)
        lesson = Lesson(student, teacher, 1.0, 1.0)
        optimiser = torch.optim.Adam([*network.parameters(), *lesson.parameters()], 3e-3)
        losses = []
        for _ in range(10):
            optimiser.zero_grad()
            loss = torch.stack(list(lesson(network, seen)[1].values())).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < 0.8 * losses[0]


def test_a_training_of_many_sizes_is_taught_too() -> None:
    student, teacher = known(build()), known(build(), 1)
    _, terms = Lesson(student, teacher, 1.0, 1.0)(student.network, nn.functional.interpolate(scenes(*TRUTHS), 128))
    assert all(torch.isfinite(term) for term in terms.values())
