"""What a CenterNet that teaches adds to the loss of one that learns: its heatmap, its boxes, its feature map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge.model import Known
from mfast_edge.models.centernet.build import UNIT
from mfast_edge.models.centernet.loss import OFFSET, SIZE
from mfast_edge.models.centernet.network import CenterNet, Outputs
from mfast_edge.models.imitation import apart, divergence

BELOW = 0.999  # of a cell
SURE = 0.3  # the teacher's score from which its box is worth imitating


class Lesson(nn.Module):
    """(student's network, images) → (its outputs, {"teacher_heatmap", "teacher_box", "teacher_map"}).

    The teacher may have another backbone, width and input size; it sees the same images, resized to its own input.
    Parameters are an adapter between the feature maps; the teacher is no part of the module's state.
    `whole` makes the whole batch's tensors of those of a process's own images: terms count over the batch.
    """

    whole: Callable[[Any], Any] = staticmethod(lambda own: own)

    def __init__(self, student: Known, teacher: Known, logits: float, features: float):
        super().__init__()
        teacher.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.teacher, self.logits, self.features = teacher, logits, features
        self.cells = student.facts["grid"] / teacher.facts["grid"]
        self.adapter = between(student.network, teacher.network) if features else None

    def forward(self, network: Any, images: Tensor) -> tuple[Outputs, dict[str, Tensor]]:
        """Run both networks on images (B, 3, H, W); the terms come weighted."""
        with torch.no_grad():
            size = (self.teacher.facts["height"], self.teacher.facts["width"])
            seen = images if images.shape[2:] == size else F.interpolate(images, size, mode="bilinear")
            master: Any = self.teacher.network
            theirs: Tensor = master.map(seen)
            wanted = master.predict(theirs)
        if self.adapter is None:
            outputs, terms = network(images), {}
        else:
            ours: Tensor = network.map(images)
            outputs = network.predict(ours)
            both = self.whole(self.adapter(ours)), self.whole(theirs)
            terms = {"teacher_map": self.features * apart(*both)}
        if self.logits:
            found = answers(self.whole(outputs), self.whole(wanted), self.cells)
            terms |= {name: self.logits * term for name, term in found.items()}
        return outputs, terms


def between(student: nn.Module, teacher: nn.Module) -> nn.Module:
    """From the student's map to one with the teacher's channels: a 1x1 convolution where they differ."""
    assert isinstance(student, CenterNet)
    assert isinstance(teacher, CenterNet)
    return nn.Identity() if student.wide == teacher.wide else nn.Conv2d(student.wide, teacher.wide, 1)


def answers(outputs: Outputs, wanted: Outputs, cells: float) -> dict[str, Tensor]:
    """How far a student's outputs are from a teacher's, of whose cells one is `cells` of the student's.

    Every cell learns the scores (Hinton 2015, for sigmoids), and the one that holds a peak that reaches SURE the
    peak's box. Per such peak, weighted by its score, so that the terms weigh as the truth's do.
    """
    logits, sizes, offsets = (out.float() for out in outputs)
    their_logits, their_sizes, their_offsets = (out.float() for out in wanted)
    image, kind, row, column = peaks(their_logits)
    at = torch.stack([column, row], 1)
    offset = their_offsets[image, :, row, column]
    centre, inside = (at + offset) * cells, offset.clamp(0, BELOW)  # a peak stays in its cell
    cell = ((at + inside) * cells).long().clamp(0, logits.shape[3] - 1)
    x, y = cell[:, 0], cell[:, 1]
    best = their_logits[image, kind, row, column]
    heat = resized(their_logits, logits.shape[3]).index_put((image, kind, y, x), best)
    weight = best.sigmoid()
    off = SIZE * UNIT * (sizes[image, :, y, x] - their_sizes[image, :, row, column] * cells).abs().sum(1)
    off = off + OFFSET * (offsets[image, :, y, x] - (centre - cell)).abs().sum(1)
    count = weight.sum().clamp(min=1)
    return {"teacher_heatmap": divergence(logits, heat) / count, "teacher_box": (off * weight).sum() / count}


def peaks(logits: Tensor) -> tuple[Tensor, ...]:
    """Image, class, row and column of the logits that reach SURE and that none of the eight around exceeds."""
    around = F.max_pool2d(logits, 3, 1, 1)
    return ((logits == around) & (logits.sigmoid() >= SURE)).nonzero(as_tuple=True)


def resized(logits: Tensor, side: int) -> Tensor:
    """The logits on a map of another side; between cells they are drawn straight, which flattens peaks."""
    return logits if logits.shape[3] == side else F.interpolate(logits, (side, side), mode="bilinear")
