"""CenterNet's loss (Zhou 2019, eq. 1 to 4): focal on the heatmap, L1 on sizes and offsets at centres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mfast_edge.models.centernet.build import STRIDE, UNIT, Build, side
from mfast_edge.models.centernet.targets import targets

SIZE, OFFSET = 0.1, 1.0  # weights beside the heatmap's
ALPHA, BETA = 2, 4  # of the focal loss


class Points:
    """The three terms per object; what sizes and offsets are off by is in cells, x and y added up."""

    def __init__(self, build: Build):
        self.shape, self.overlap = (len(build.classes), side(build.size)), build.overlap

    def __call__(self, outputs: Sequence[Tensor], truths: Sequence[Any]) -> dict[str, Tensor]:
        """Logits (B, C, side, side), sizes and offsets (B, 2, side, side) against B truths → {"heatmap", "size",
        "offset"}, the weighted terms."""
        logits, sizes, offsets = (out.float() for out in outputs)
        on = logits.device
        wanted = targets(truths, self.shape, 1 / STRIDE, self.overlap)
        image, row, column = wanted.image.to(on), wanted.row.to(on), wanted.column.to(on)
        centres = torch.zeros_like(logits, dtype=torch.bool)
        centres[image, wanted.kind.to(on), row, column] = True
        heat = focal(logits, wanted.heat.to(on), centres, wanted.counted.to(on)[:, None])
        count = max(1, len(image))
        off = [
            F.l1_loss(out[image, :, row, column], right.to(on), reduction="sum")
            for out, right in ((sizes * UNIT, wanted.sizes), (offsets, wanted.offsets))
        ]
        return {"heatmap": heat / count, "size": SIZE * off[0] / count, "offset": OFFSET * off[1] / count}


def focal(logits: Tensor, heat: Tensor, centres: Tensor, counted: Tensor) -> Tensor:
    """The penalty-reduced focal loss (Law 2018, eq. 1), summed: a cell near a centre is blamed the less the higher
    `heat` is there; one that is not `counted` and no centre is not blamed."""
    score = logits.sigmoid()
    right = (1 - score) ** ALPHA * F.logsigmoid(logits)
    wrong = (1 - heat) ** BETA * score**ALPHA * F.logsigmoid(-logits)
    return -torch.where(centres, right, wrong * counted).sum()
