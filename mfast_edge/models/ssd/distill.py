"""What an SSD that teaches adds to the loss of one that learns: its detections and its feature maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import box_iou

from mfast_edge.model import Known
from mfast_edge.models import imitation
from mfast_edge.models.imitation import LIKE, SURE, adapter, apart, divergence
from mfast_edge.models.ssd.network import Head
from mfast_edge.models.ssd.targets import corners, decode, encode

Maps = list[Tensor]


class Lesson(imitation.Lesson):
    """Terms "teacher_box", "teacher_class" and "teacher_maps", from a teacher of any width, input size, levels and
    anchors. Parameters are adapters between feature maps."""

    def __init__(self, student: Known, teacher: Known, logits: float, features: float):
        super().__init__(teacher, logits, features, Answers(student.facts, teacher.facts), None)
        self.imitation = Imitation(student, teacher) if features else None

    def imitated(self, maps: Maps, theirs: Maps) -> Tensor:
        """The mean over all levels."""
        assert self.imitation
        return self.imitation(maps, theirs, self.whole)


class Answers:
    """How far a student's detections are from a teacher's, counted as `Multibox` counts."""

    def __init__(self, student: dict[str, Any], teacher: dict[str, Any]):
        self.anchors, self.theirs = torch.from_numpy(student["anchors"]), torch.from_numpy(teacher["anchors"])
        self.like, self.alike = likes(corners(self.anchors), corners(self.theirs))
        self.variances, self.their_variances = torch.tensor(student["variances"]), torch.tensor(teacher["variances"])

    def __call__(self, outputs: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Codes (B, N, 4) and logits (B, N, C) of both → {"teacher_box", "teacher_class"}.

        Every anchor learns the scores (Hinton 2015, for sigmoids) and, where they reach SURE, the box (Chen
        2017) of the teacher's anchor most like it; one that is like none learns from the truth alone. Per
        anchor that the teacher is sure of, weighted by its score, so that both terms weigh as Multibox's do.
        """
        alike = self.alike.nonzero().flatten().to(outputs[0].device)
        like = self.like.to(alike.device)[alike]
        codes, logits = (out.float()[:, alike] for out in outputs)
        their_codes, their_logits = (out.float()[:, like] for out in wanted)
        score = their_logits.amax(2).sigmoid()
        rows, which = (score >= SURE).nonzero(as_tuple=True)
        weight = score[rows, which]
        boxes = decode(their_codes[rows, which], *self.base(self.theirs, like[which], self.their_variances))
        target = encode(boxes, *self.base(self.anchors, alike[which], self.variances))
        off = F.smooth_l1_loss(codes[rows, which], target, reduction="none").sum(1)
        count = weight.sum().clamp(min=1)
        return {"teacher_box": (off * weight).sum() / count, "teacher_class": divergence(logits, their_logits) / count}

    @staticmethod
    def base(anchors: Tensor, which: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
        """Anchors and variances where `which` lives."""
        return anchors.to(which.device)[which], variances.to(which.device)


def likes(anchors: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """For each of (N, 4) anchors the one of (M, 4) it overlaps most (N,), and whether by LIKE at least (N,)."""
    found = [box_iou(part, theirs).max(1) for part in torch.split(anchors, 1024)]  # 8732 by 8732 would take a gigabyte
    return torch.cat([which for _, which in found]), torch.cat([overlap for overlap, _ in found]) >= LIKE


class Imitation(nn.Module):
    """How far the maps that a student's heads read are from a teacher's: 1 - Pearson's r (Cao 2022, PKD).

    A level learns from the teacher's level whose anchors are most of its size, through a 1x1 convolution where
    their channels differ.
    """

    def __init__(self, student: Known, teacher: Known):
        super().__init__()
        (ours, sizes), (theirs, their_sizes) = levels(student), levels(teacher)
        self.levels: list[int] = (sizes[:, None] - their_sizes).abs().argmin(1).tolist()
        pairs = [(wide, theirs[level]) for wide, level in zip(ours, self.levels, strict=True)]
        self.adapters = nn.ModuleList(adapter(*pair) for pair in pairs)

    def forward(self, maps: Maps, theirs: Maps, whole: Callable[[Any], Any]) -> Tensor:
        """The mean over the student's levels, each 0 to 2."""
        rows = zip(self.adapters, maps, self.levels, strict=True)
        return torch.stack([apart(whole(fit(map_)), whole(theirs[there])) for fit, map_, there in rows]).mean()


def levels(known: Known) -> tuple[list[int], Tensor]:
    """Of every map that a head reads: its channels, and its anchors' mean size as the logarithm of an area."""
    heads = [module for module in known.network.modules() if isinstance(module, Head)]
    areas = torch.from_numpy(known.facts["anchors"])[:, 2:].log().sum(1)
    parts = torch.split(areas, [head.anchors for head in heads])
    return [head.inside for head in heads], torch.stack([part.mean() for part in parts])
