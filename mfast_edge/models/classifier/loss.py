"""What a classifier learns from: cross entropy of the photo's class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


class Entropy:
    """Cross entropy, the mean over the photos whose class is known."""

    def __call__(self, outputs: Sequence[Tensor], truths: Sequence[Any]) -> dict[str, Tensor]:
        """Logits (B, C) against B truths → {"class"}; one of several labels counts as much as another."""
        logits = outputs[0].float()
        known = [(row, truth.labels) for row, truth in enumerate(truths) if len(truth.labels)]
        if not known:
            return {"class": logits.sum() * 0}
        wanted = torch.zeros(len(known), logits.shape[1], device=logits.device)
        for row, (_, labels) in enumerate(known):
            wanted[row, labels.to(logits.device)] = 1 / len(labels)
        return {"class": F.cross_entropy(logits[[row for row, _ in known]], wanted)}
