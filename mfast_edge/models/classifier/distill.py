"""What a classifier that teaches adds to the loss of one that learns: its scores and its last map."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mfast_edge.errors import UserError
from mfast_edge.model import Known
from mfast_edge.models import imitation
from mfast_edge.models.classifier.network import Classifier
from mfast_edge.models.imitation import adapter

SOFT = 2.0  # temperature


class Lesson(imitation.Lesson):
    """Terms "teacher_class" and "teacher_maps", from a teacher of any network and input size. UserError where it knows
    other classes."""

    def __init__(self, student: Known, teacher: Known, logits: float, features: float):
        ours, theirs = student.facts["classes"], teacher.facts["classes"]
        if len(ours) != len(theirs):
            raise UserError(f"teacher: {len(theirs)} classes; one that knows the network's {len(ours)} would be right")
        between = adapter(wide(student), wide(teacher)) if features else None
        super().__init__(teacher, logits, features, answers, between)


@torch.no_grad()
def wide(known: Known) -> int:
    """Channels of the last map, whatever compression made of it: a black image tells."""
    network, device = known.network, next(known.network.parameters()).device
    assert isinstance(network, Classifier)
    learning = network.training
    found = network.eval().maps(torch.zeros(1, 3, known.facts["height"], known.facts["width"], device=device))
    network.train(learning)
    return found[0].shape[1]


def answers(outputs: tuple[Tensor], wanted: tuple[Tensor]) -> dict[str, Tensor]:
    """How far logits (B, C) are from a teacher's: Kullback-Leibler divergence at temperature T, times T² (Hinton 2015),
    the mean over images."""
    ours, theirs = (F.log_softmax(one[0].float() / SOFT, 1) for one in (outputs, wanted))
    return {"teacher_class": SOFT**2 * F.kl_div(ours, theirs, reduction="batchmean", log_target=True)}
