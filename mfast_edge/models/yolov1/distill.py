"""What a YOLOv1 that teaches adds to the loss of one that learns: its detections and its feature map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge.errors import UserError
from mfast_edge.model import Known
from mfast_edge.models.imitation import apart
from mfast_edge.models.yolov1.loss import COORD, EMPTY
from mfast_edge.models.yolov1.targets import likeness, places, responsible


class Lesson(nn.Module):
    """(student's network, images) → (its outputs, {"teacher_box", "teacher_confidence", "teacher_class",
    "teacher_maps"}).

    The teacher may have another backbone, width and input size; it sees the same images, resized to its own input.
    The parameters are an adapter between feature maps; the teacher is no part of the module's state.
    UserError where its grid or its boxes are others.
    `whole` makes the whole batch's tensors of those of a process's own images: terms count over the batch.
    """

    whole: Callable[[Any], Any] = staticmethod(lambda own: own)

    def __init__(self, student: Known, teacher: Known, logits: float, features: float):
        super().__init__()
        ours, theirs = ({name: one.facts[name] for name in ("grid", "boxes")} for one in (student, teacher))
        if ours != theirs:
            raise UserError(
                f"teacher: grid {theirs['grid']} with {theirs['boxes']} boxes a cell; one like the network's, "
                f"{ours['grid']} with {ours['boxes']}, would be right"
            )
        teacher.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.teacher, self.logits, self.features = teacher, logits, features
        self.grid, self.boxes = ours["grid"], ours["boxes"]
        self.adapter = adapter(student.network, teacher.network) if features else nn.Identity()

    def forward(self, network: Any, images: Tensor) -> tuple[tuple[Tensor, Tensor], dict[str, Tensor]]:
        """Run both networks on images (B, 3, H, W); the terms come weighted."""
        with torch.no_grad():
            size = (self.teacher.facts["height"], self.teacher.facts["width"])
            seen = images if images.shape[2:] == size else F.interpolate(images, size, mode="bilinear")
            master: Any = self.teacher.network
            theirs = master.maps(seen)
            wanted = master.predict(theirs)
        if self.features:
            maps = network.maps(images)
            outputs = network.predict(maps)
            ours, other = self.whole(self.adapter(maps[0])), self.whole(theirs[0])
            terms = {"teacher_maps": self.features * apart(ours, other)}
        else:
            outputs, terms = network(images), {}
        if self.logits:
            answers = self.answers(self.whole(outputs), self.whole(wanted))
            terms |= {name: self.logits * term for name, term in answers.items()}
        return outputs, terms

    def answers(self, outputs: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """How far boxes (B, S²·B, 5) and classes (B, S², C) are from a teacher's, counted as `Squares` counts.

        In each cell a predictor learns from the teacher's that it is most alike, so theirs may be in another order:
        the confidence always, the place by as much as the teacher is sure, as does the cell its classes.
        """
        codes, theirs = (out[0].float().reshape(-1, self.boxes, 5) for out in (outputs, wanted))
        kinds, their_kinds = (out[1].float().flatten(0, 1) for out in (outputs, wanted))
        cells = torch.arange(len(codes), device=codes.device).repeat_interleave(self.boxes)
        boxes = theirs.flatten(0, 1)
        with torch.no_grad():
            there = places(codes[cells], cells[:, None], self.grid)
            which = responsible(likeness(there, places(boxes, cells, self.grid)[:, None]), cells)
        off = (codes[cells, which] - boxes).square()
        sure = boxes[:, 4].clamp(0, 1)
        cell = sure.reshape(-1, self.boxes).amax(1)
        terms = {
            "teacher_box": COORD * (off[:, :4].sum(1) * sure).sum(),
            "teacher_confidence": (off[:, 4] * (EMPTY + (1 - EMPTY) * sure)).sum(),
            "teacher_class": ((kinds - their_kinds).square().sum(1) * cell).sum(),
        }
        return {name: term / len(outputs[0]) for name, term in terms.items()}


def adapter(student: Any, teacher: Any) -> nn.Module:
    """A map of the student with as many channels as the teacher's has."""
    ours, theirs = student.channels, teacher.channels
    return nn.Identity() if ours == theirs else nn.Conv2d(ours, theirs, 1)
