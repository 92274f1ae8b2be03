"""Which anchor is to find which box, and the code it is to give."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mfast_edge.models.ignored import INSIDE, inside

BACKGROUND, LEFT_OUT = -1, -2


def corners(anchors: Tensor) -> Tensor:
    """(N, 4) cy cx h w → x1 y1 x2 y2."""
    half = anchors[:, 2:] / 2
    return torch.cat([anchors[:, :2] - half, anchors[:, :2] + half], 1)[:, [1, 0, 3, 2]]


def assign(anchors: Tensor, boxes: Tensor, ignore: Tensor, threshold: float = 0.5) -> Tensor:
    """(N,) index of the box that each anchor is to find, BACKGROUND or LEFT_OUT (Liu 2016, section 2.2).

    An anchor takes the box it overlaps most if IoU > threshold; every box forces its best anchor.
    Anchors best placed on an ignored box, and those that lie in one by more than half and are to find nothing,
    are left out of the loss, as detections there are left out of COCO's figures. Both in parts of the image.
    """
    found = torch.full((len(anchors),), BACKGROUND)
    if not len(boxes):
        return found
    overlap = box_iou(boxes, anchors)
    best, which = overlap.max(0)
    found[best > threshold] = which[best > threshold]
    wanted = (~ignore).nonzero().flatten()
    found[overlap[wanted].argmax(1)] = wanted
    found[(found >= 0) & ignore[found.clamp(min=0)]] = LEFT_OUT
    found[(found == BACKGROUND) & (inside(anchors, boxes[ignore]) > INSIDE)] = LEFT_OUT
    return found


def encode(boxes: Tensor, anchors: Tensor, variances: Tensor) -> Tensor:
    """(N, 4) x1 y1 x2 y2 on (N, 4) cy cx h w anchors → ty tx th tw (Liu 2016, eq. 2)."""
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-4)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    shift = (centre.flip(1) - anchors[:, :2]) / anchors[:, 2:]
    return torch.cat([shift, (sides.flip(1) / anchors[:, 2:]).log()], 1) / variances


def decode(codes: Tensor, anchors: Tensor, variances: Tensor) -> Tensor:
    """(N, 4) ty tx th tw on (N, 4) cy cx h w anchors → x1 y1 x2 y2: `encode` undone, in torch."""
    codes = codes * variances
    centre = codes[:, :2] * anchors[:, 2:] + anchors[:, :2]
    return corners(torch.cat([centre, codes[:, 2:].clamp(max=4).exp() * anchors[:, 2:]], 1))
