"""What lies in regions to be ignored, and so is none of a loss's business."""

from __future__ import annotations

import torch
from torch import Tensor

INSIDE = 0.5  # share of an anchor or a box in such a region above which it is left out


def inside(anchors: Tensor, regions: Tensor) -> Tensor:
    """(N,) the largest share of each anchor's part of the image, to which detections are cut, in one of (R, 4)."""
    if not len(regions):
        return anchors.new_zeros(len(anchors))
    anchors = anchors.clamp(0, 1)
    corner = torch.maximum(anchors[:, None, :2], regions[:, :2])
    sides = (torch.minimum(anchors[:, None, 2:], regions[:, 2:]) - corner).clamp(min=0)
    area = (anchors[:, 2:] - anchors[:, :2]).prod(1)
    return sides.prod(2).amax(1) / area.clamp(min=1e-12)
