"""What a CenterNet that teaches adds to the loss of one that learns: its heatmap, its boxes, its feature map."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge.model import Known
from mfast_edge.models import imitation
from mfast_edge.models.centernet.build import UNIT
from mfast_edge.models.centernet.loss import OFFSET, SIZE
from mfast_edge.models.centernet.network import CenterNet, Outputs
from mfast_edge.models.imitation import SURE, adapter, divergence

BELOW = 0.999  # of a cell


class Lesson(imitation.Lesson):
    """Terms "teacher_heatmap", "teacher_box" and "teacher_maps", from a teacher of any backbone, width and size."""

    def __init__(self, student: Known, teacher: Known, logits: float, features: float):
        between = adapter(wide(student.network), wide(teacher.network)) if features else None
        cells = student.facts["grid"] / teacher.facts["grid"]
        super().__init__(teacher, logits, features, partial(answers, cells=cells), between)


def wide(network: nn.Module) -> int:
    """Channels of the map that the heads read; features are never asked of a network that rounds (qat)."""
    assert isinstance(network, CenterNet)
    return network.wide


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
