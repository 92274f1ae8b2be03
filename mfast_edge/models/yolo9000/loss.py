"""YOLO9000's loss: boxes, objectness as the overlap that is reached, classes down the tree (Redmon 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_iou

from mfast_edge.models.ignored import INSIDE, inside
from mfast_edge.models.yolo9000.decode import anchors
from mfast_edge.models.yolo9000.scores import Scores
from mfast_edge.models.yolo9000.targets import NOBODY, assign, decode, encode

FREE = 0.6  # overlap with any object from which an anchor without one may say what it likes
OBJECT = 5.0  # weight of an anchor that has an object beside one that has none, as the published configuration
BOX = 5.0  # weight of a box's squared errors (Redmon 2016, section 2.2)
SEEN = 0.3  # overlap taken for granted where only the class is known (section 4, joint training)
# boxes (M, 4) x1 y1 x2 y2 in input pixels, classes (M,), ignore (M,), and perhaps image-level classes (K,)
Truth = Sequence[Tensor]


class Region:
    """Outputs of a grid of any side against truths; a photo with labels and no box to be found teaches classes only.

    What lies in an ignored region by more than half is not blamed for being found, as in COCO's figures.
    """

    def __init__(self, facts: dict[str, Any]):
        self.shapes = torch.tensor(facts["shapes"][0])
        self.stride = facts["height"] // facts["maps"][0]
        self.scores = Scores(facts)
        self.grids: dict[int, Tensor] = {}

    def __call__(self, outputs: tuple[Tensor, Tensor, Tensor], truths: Sequence[Truth]) -> dict[str, Tensor]:
        """Codes (B, N, 4), objectness (B, N, 1), logits (B, N, nodes) → {"box", "object", "class"}, per object."""
        codes, objects, logits = (out.float() for out in outputs)
        side = isqrt(codes.shape[1] // len(self.shapes))
        found = decode(codes.detach(), self.grid(side).to(codes.device), side)
        terms, count = torch.zeros(3, device=codes.device), 0
        for image, (boxes, classes, ignore, *labels) in enumerate(truths):
            seen = (codes[image], objects[image, :, 0], logits[image])
            if bool(ignore.all()) and labels and len(labels[0]):
                terms = terms + self.labelled(seen, labels[0].to(codes.device))
                count += len(labels[0])
                continue
            inside = boxes.to(codes.device) / (side * self.stride)
            known = (inside, classes.to(codes.device), ignore.to(codes.device))
            more, matched = self.boxed(seen, found[image], known, side)
            terms, count = terms + more, count + matched
        return dict(zip(("box", "object", "class"), terms / max(count, 1), strict=True))

    def grid(self, side: int) -> Tensor:
        """(N, 4) anchors of a map of this side, on the CPU."""
        if side not in self.grids:
            self.grids[side] = torch.from_numpy(anchors(side, self.shapes.tolist()))
        return self.grids[side]

    def boxed(
        self, seen: tuple[Tensor, Tensor, Tensor], found: Tensor, known: tuple[Tensor, Tensor, Tensor], side: int
    ) -> tuple[Tensor, int]:
        """Sums of the three terms over one photo whose objects are known, and how many anchors have one."""
        codes, objects, logits = seen
        boxes, classes, ignore = known
        places = assign(self.shapes, side, boxes.cpu()).to(codes.device)
        overlap = box_iou(found, boxes) if len(boxes) else found.new_zeros(len(found), 1)
        blank = (overlap.amax(1) <= FREE) & (inside(found, boxes[ignore]) <= INSIDE)
        blank[places[places != NOBODY]] = False
        rows = ((places != NOBODY) & ~ignore).nonzero().flatten()
        where = places[rows]
        reached = overlap[where, rows]
        return torch.stack(
            [
                BOX * boxes_off(codes[where], self.grid(side).to(codes.device)[where], boxes[rows], side),
                OBJECT * F.binary_cross_entropy_with_logits(objects[where], reached, reduction="sum")
                + F.softplus(objects[blank]).sum(),
                self.scores.loss(logits[where], classes[rows]).sum(),
            ]
        ), len(rows)

    def labelled(self, seen: tuple[Tensor, Tensor, Tensor], labels: Tensor) -> Tensor:
        """The terms of one photo of which only classes (K,) are known.

        The anchor that is surest of a class learns it, and that an overlap of SEEN at the least is reached.
        """
        codes, objects, logits = seen
        every = self.scores.loss(logits[:, None], labels.expand(len(logits), -1), alone=True)  # (N, K)
        sure = (F.logsigmoid(objects)[:, None] - every).argmax(0)
        low = objects[sure][objects[sure].sigmoid() < SEEN]
        least = F.binary_cross_entropy_with_logits(low, torch.full_like(low, SEEN), reduction="sum")
        return torch.stack([codes.sum() * 0, OBJECT * least, every[sure, torch.arange(len(labels))].sum()])


def boxes_off(codes: Tensor, base: Tensor, boxes: Tensor, side: int, weight: float | Tensor = 1.0) -> Tensor:
    """Squared errors of (N, 4) codes, weighted, summed, those of small objects weighing up to twice as much."""
    centre, sizes = encode(boxes, base, side)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1).clamp(max=1)  # a teacher's box may leave the image
    off = (codes[:, :2].sigmoid() - centre).square().sum(1) + (codes[:, 2:] - sizes).square().sum(1)
    return (off * (2 - areas) * weight).sum()
