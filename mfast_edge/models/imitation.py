"""How far what a network says and sees is from what its teacher does: terms that every detector's lesson uses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


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
