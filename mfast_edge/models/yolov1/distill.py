"""What a YOLOv1 that teaches adds to the loss of one that learns: its detections and its feature map."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from mfast_edge.errors import UserError
from mfast_edge.model import Known
from mfast_edge.models import imitation
from mfast_edge.models.imitation import adapter
from mfast_edge.models.yolov1.loss import COORD, EMPTY
from mfast_edge.models.yolov1.network import YOLO
from mfast_edge.models.yolov1.targets import likeness, places, responsible

Outputs = tuple[Tensor, Tensor]


class Lesson(imitation.Lesson):
    """Terms "teacher_box", "teacher_confidence", "teacher_class" and "teacher_maps", from a teacher of any backbone,
    width and input size. UserError where its grid or its boxes are others."""

    def __init__(self, student: Known, teacher: Known, logits: float, features: float):
        ours, theirs = ({name: one.facts[name] for name in ("grid", "boxes")} for one in (student, teacher))
        if ours != theirs:
            raise UserError(
                f"teacher: grid {theirs['grid']} with {theirs['boxes']} boxes a cell; one like the network's, "
                f"{ours['grid']} with {ours['boxes']}, would be right"
            )
        between = adapter(wide(student.network), wide(teacher.network)) if features else None
        super().__init__(teacher, logits, features, partial(answers, **ours), between)


def wide(network: nn.Module) -> int:
    """Channels of the map that the hidden layer reads; features are never asked of a network that rounds (qat)."""
    assert isinstance(network, YOLO)
    return network.channels


def answers(outputs: Outputs, wanted: Outputs, grid: int, boxes: int) -> dict[str, Tensor]:
    """How far boxes (B, S²·B, 5) and classes (B, S², C) are from a teacher's, counted as `Squares` counts.

    In each cell a predictor learns from the teacher's that it is most alike, so theirs may be in another order:
    the confidence always, the place by as much as the teacher is sure, as does the cell its classes.
    """
    codes, theirs = (out[0].float().reshape(-1, boxes, 5) for out in (outputs, wanted))
    kinds, their_kinds = (out[1].float().flatten(0, 1) for out in (outputs, wanted))
    cells = torch.arange(len(codes), device=codes.device).repeat_interleave(boxes)
    there = theirs.flatten(0, 1)
    with torch.no_grad():
        here = places(codes[cells], cells[:, None], grid)
        which = responsible(likeness(here, places(there, cells, grid)[:, None]), cells)
    off = (codes[cells, which] - there).square()
    sure = there[:, 4].clamp(0, 1)
    cell = sure.reshape(-1, boxes).amax(1)
    terms = {
        "teacher_box": COORD * (off[:, :4].sum(1) * sure).sum(),
        "teacher_confidence": (off[:, 4] * (EMPTY + (1 - EMPTY) * sure)).sum(),
        "teacher_class": ((kinds - their_kinds).square().sum(1) * cell).sum(),
    }
    return {name: term / len(outputs[0]) for name, term in terms.items()}
