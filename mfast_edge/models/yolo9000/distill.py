"""What a YOLO9000 that teaches adds to the loss of one that learns: its detections and its feature map."""

from __future__ import annotations

from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import box_iou

from mfast_edge.errors import UserError
from mfast_edge.model import Known
from mfast_edge.models import imitation
from mfast_edge.models.imitation import LIKE, SURE, adapter, divergence
from mfast_edge.models.yolo9000.decode import anchors
from mfast_edge.models.yolo9000.loss import BOX, boxes_off
from mfast_edge.models.yolo9000.network import Head
from mfast_edge.models.yolo9000.scores import Scores
from mfast_edge.models.yolo9000.targets import decode

Outputs = tuple[Tensor, Tensor, Tensor]


class Lesson(imitation.Lesson):
    """Terms "teacher_box", "teacher_object", "teacher_class" and "teacher_maps", from a teacher of any width, backbone,
    input size and anchors. UserError where it scores its classes otherwise."""

    def __init__(self, student: Known, teacher: Known, logits: float, features: float):
        if student.facts["parents"] != teacher.facts["parents"]:
            raise UserError(
                "teacher: its scores are of another tree; a teacher with this run's model.tree would be right"
            )
        between = adapter(wide(student.network), wide(teacher.network)) if features else None
        super().__init__(teacher, logits, features, Answers(student.facts, teacher.facts), between)


class Answers:
    """How far a student's detections are from a teacher's, counted as `Region` counts."""

    def __init__(self, student: dict[str, Any], teacher: dict[str, Any]):
        self.shapes, self.theirs = student["shapes"][0], torch.from_numpy(teacher["anchors"])
        self.their_side, self.scores = teacher["maps"][0], Scores(student)
        self.pairs: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __call__(self, outputs: Outputs, wanted: Outputs) -> dict[str, Tensor]:
        """Codes, objectness and logits of both → the terms.

        Every anchor learns the objectness, weighted by it the classes and, where it reaches SURE, the box of the
        teacher's anchor that is most like it; one that is like none learns from the truth alone.
        """
        device, side = outputs[0].device, isqrt(outputs[0].shape[1] // len(self.shapes))
        base, alike, like = (one.to(device) for one in self.paired(side))
        codes, objects, logits = (out.float()[:, alike] for out in outputs)
        their_codes, their_objects, their_logits = (out.float()[:, like] for out in wanted)
        score = their_objects[..., 0].sigmoid()
        rows, which = (score >= SURE).nonzero(as_tuple=True)
        weight = score[rows, which]
        count = weight.sum().clamp(min=1)
        boxes = decode(their_codes[rows, which], self.theirs.to(device)[like[which]], self.their_side)
        off = BOX * boxes_off(codes[rows, which], base[alike[which]], boxes, side, weight)
        kinds = self.kinds(logits, their_logits)
        return {
            "teacher_box": off / count,
            "teacher_object": divergence(objects, their_objects) / count,
            "teacher_class": (kinds * score).sum() / count,
        }

    def kinds(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """(…) Kullback-Leibler divergence of one's classes from the other's, summed over all groups of siblings."""
        ours, theirs = self.scores.conditional(logits), self.scores.conditional(wanted)
        found = theirs.exp() * (theirs - ours)
        if self.scores.spans:
            return found.sum(-1)
        return (found + (-wanted).sigmoid() * (F.logsigmoid(-wanted) - F.logsigmoid(-logits))).sum(-1)

    def paired(self, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """Anchors (N, 4) of a map of this side, those like one of the teacher's, and that one of each."""
        if side not in self.pairs:
            base = torch.from_numpy(anchors(side, self.shapes))
            overlap, which = box_iou(placed(base, side), placed(self.theirs, self.their_side)).max(1)
            alike = (overlap >= LIKE).nonzero().flatten()
            self.pairs[side] = base, alike, which[alike]
        return self.pairs[side]


def placed(base: Tensor, side: int) -> Tensor:
    """(N, 4) anchors in the middle of their cells, x1 y1 x2 y2 in parts of the image."""
    return decode(torch.zeros_like(base), base, side)


def wide(network: nn.Module) -> int:
    """Channels of the map that the head reads."""
    return next(module for module in network.modules() if isinstance(module, Head)).inside
