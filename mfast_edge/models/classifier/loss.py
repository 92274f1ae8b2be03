"""What a classifier learns from: cross entropy of the photo's class, and its relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mfast_edge.models.classifier.build import Build

SURE = 1e-6  # of a class's odds is as good as none


class Entropy:
    """Cross entropy, the mean over the photos whose class is known.

    The truth gives up the share `smoothing` to all classes alike (Szegedy 2016, section 7). focal: a class counts by
    (1 - p)^γ (Lin 2017, equation 4). logit_adjusted: logits + τ ln π are learnt, π being the classes' shares of the
    training photos, so that what the network itself says suits classes that are equally frequent (Menon 2021, equation
    10). balanced: class y counts by (1 - β) / (1 - β^n_y) (Cui 2019, equation 2), the mean being a weighted one.
    """

    def __init__(self, build: Build):
        counts = torch.tensor(build.counts or [1] * len(build.classes), dtype=torch.float64)
        rare = (1 - build.beta) / (1 - build.beta**counts)
        named = build.loss
        self.smoothing = build.smoothing
        self.gamma = build.gamma if named == "focal" else 0.0
        self.shift = (build.tau * (counts / counts.sum()).log()).float() if named == "logit_adjusted" else None
        self.weight = (rare / rare.mean()).float() if named == "balanced" else None

    def __call__(self, outputs: Sequence[Tensor], truths: Sequence[Any]) -> dict[str, Tensor]:
        """Logits (B, C) against B truths → {"class"}; one of several labels counts as much as another."""
        logits = outputs[0].float()
        known = [(row, truth.labels) for row, truth in enumerate(truths) if len(truth.labels)]
        if not known:
            return {"class": logits.sum() * 0}
        wanted = torch.zeros(len(known), logits.shape[1], device=logits.device)
        for row, (_, labels) in enumerate(known):
            wanted[row, labels.to(logits.device)] = 1 / len(labels)
        return {"class": self.term(logits[[row for row, _ in known]], wanted)}

    def term(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """The loss of logits (B, C) where the classes' shares of the truth are `wanted` (B, C)."""
        if self.shift is not None:
            logits = logits + self.shift.to(logits.device)
        if self.gamma:
            said = logits.log_softmax(1)
            soft = wanted * (1 - self.smoothing) + self.smoothing / logits.shape[1]
            missed = (1 - said.exp()).clamp(min=SURE)  # at 0 the gradient of a power below 1 is not finite
            return -(soft * missed**self.gamma * said).sum(1).mean()
        if self.weight is None:
            return F.cross_entropy(logits, wanted, label_smoothing=self.smoothing)
        each = F.cross_entropy(logits, wanted, label_smoothing=self.smoothing, reduction="none")
        counted = wanted @ self.weight.to(logits.device)
        return (each * counted).sum() / counted.sum()
