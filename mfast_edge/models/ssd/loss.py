"""The multibox loss (Liu 2016, eq. 1) with sigmoid classes, as the published MobileNet detectors use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mfast_edge.models.ssd.targets import assign, corners, encode

Truth = Sequence[Tensor]  # boxes (M, 4) x1 y1 x2 y2 in input pixels, classes (M,), ignore (M,); more is not read


class Multibox:
    """Cross-entropy over matched anchors and the three hardest negatives for each, smooth L1 over codes."""

    def __init__(self, facts: dict[str, Any], negatives: int = 3):
        self.anchors = torch.from_numpy(facts["anchors"])
        self.corners = corners(self.anchors)
        self.scale = torch.tensor([facts["width"], facts["height"]] * 2, dtype=torch.float32)
        self.variances = torch.tensor(facts["variances"], dtype=torch.float32)
        self.negatives = negatives

    def __call__(self, outputs: tuple[Tensor, Tensor], truths: Sequence[Truth]) -> dict[str, Tensor]:
        """Box codes (B, N, 4) and logits (B, N, C) against B truths → {"box", "class"}, per matched anchor."""
        codes, logits = outputs[0].float(), outputs[1].float()
        matched = torch.stack([assign(self.corners, b / self.scale, i) for b, _, i, *_ in truths]).to(codes.device)
        count = (matched >= 0).sum().clamp(min=1)
        return {
            "box": self._box(codes, matched, truths) / count,
            "class": self._classify(logits, matched, truths) / count,
        }

    def _box(self, codes: Tensor, matched: Tensor, truths: Sequence[Truth]) -> Tensor:
        rows, which = (matched >= 0).nonzero(as_tuple=True)
        first = torch.tensor([0, *(len(b) for b, *_ in truths)][:-1]).cumsum(0).to(rows.device)
        boxes = torch.cat([b for b, *_ in truths]).to(codes.device) / self.scale.to(codes.device)
        chosen = boxes[first[rows] + matched[rows, which]]
        base = self.anchors.to(codes.device)[which]
        return F.smooth_l1_loss(
            codes[rows, which], encode(chosen, base, self.variances.to(codes.device)), reduction="sum"
        )

    def _classify(self, logits: Tensor, matched: Tensor, truths: Sequence[Truth]) -> Tensor:
        wanted = torch.zeros_like(logits)
        for image, (_, classes, *_) in enumerate(truths):
            anchors = (matched[image] >= 0).nonzero().flatten()
            wanted[image, anchors, classes.to(logits.device)[matched[image, anchors]]] = 1
        loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(2)
        positive, negative = matched >= 0, matched == -1
        rank = loss.detach().masked_fill(~negative, -1).argsort(1, descending=True).argsort(1)
        quota = (self.negatives * positive.sum(1, keepdim=True)).clamp(min=self.negatives)
        return loss[positive | (negative & (rank < quota))].sum()
