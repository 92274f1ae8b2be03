"""The moving average of a network's weights, which is what a training keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def averaging(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """For torch's AveragedModel: decay rises to `decay` as min(decay, (1 + n) / (10 + n)).

    Without the rise a short training would keep mostly what it started from.
    """

    @torch.no_grad()
    def average(kept: Sequence[Tensor], new: Sequence[Tensor], number: Tensor | int) -> None:
        n = int(number)
        share = 1 - min(decay, (1 + n) / (10 + n))
        for old, fresh in zip(kept, new, strict=True):
            if old.is_floating_point():
                old.lerp_(fresh, share)
            else:
                old.copy_(fresh)  # a count of batches is not averaged

    return average
