"""How far what a network says and sees is from what its teacher does: terms that every detector's lesson uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge.model import Known

LIKE = 0.4  # IoU from which two anchors are asked for the same; 300 px and 160 to 288 px: .39 at the least
SURE = 0.3  # the teacher's score from which its box is worth imitating


class Lesson(nn.Module):
    """(student's network, images) → (its outputs, what `answers` tell of both networks' and "teacher_maps").

    The teacher sees the same images, resized to its own input. Parameters are an `adapter` between the networks' first
    maps; the teacher is no part of the module's state.
    `whole` makes the whole batch's tensors of those of a process's own images: terms count over the batch.
    """

    whole: Callable[[Any], Any] = staticmethod(lambda own: own)

    def __init__(
        self, teacher: Known, logits: float, features: float, answers: Callable[..., dict[str, Tensor]], adapter: Any
    ):
        super().__init__()
        teacher.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.teacher, self.logits, self.features = teacher, logits, features
        self.answers, self.adapter = answers, adapter

    def forward(self, network: Any, images: Tensor) -> tuple[Any, dict[str, Tensor]]:
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
            terms = {"teacher_maps": self.features * self.imitated(maps, theirs)}
        else:
            outputs, terms = network(images), {}
        if self.logits:
            answers = self.answers(self.whole(outputs), self.whole(wanted))
            terms |= {name: self.logits * term for name, term in answers.items()}
        return outputs, terms

    def imitated(self, maps: list[Tensor], theirs: list[Tensor]) -> Tensor:
        """How far the student's maps are from the teacher's."""
        return apart(self.whole(self.adapter(maps[0])), self.whole(theirs[0]))


def adapter(ours: int, theirs: int) -> nn.Module:
    """From a map of so many channels to one of the teacher's: a 1x1 convolution where they differ."""
    return nn.Identity() if ours == theirs else nn.Conv2d(ours, theirs, 1)


def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the scores of `logits` from those of `wanted`, summed: 0 where they agree."""
    scores = wanted.sigmoid()
    here, least = (F.binary_cross_entropy_with_logits(x, scores, reduction="sum") for x in (logits, wanted))
    return here - least


def apart(one: Tensor, other: Tensor) -> Tensor:
    """1 - r of two maps (B, C, side, side), the second resized to the first's side, meaned over channels."""
    there = other.float()
    if one.shape[2:] != there.shape[2:]:
        there = F.interpolate(there, one.shape[2:], mode="bilinear")
    return (standard(one.float()) - standard(there)).square().mean() / 2


def standard(x: Tensor) -> Tensor:
    """Each channel with mean 0 and variance 1 over images and places; one that says nothing stays 0."""
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
    return (x - mean) * (variance + 1e-6).rsqrt()
