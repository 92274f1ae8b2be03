"""Batch norms for weights whose norms were folded: the same function in eval, the same start in train."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def measure(network: nn.Module, images: Iterable[Tensor]) -> None:
    """Give every batch norm the mean and variance that its input has on `images` (B, 3, H, W) batches.

    The function in eval stays what it is: y = a·x + b before and after, with weight = a·√(var + eps) and
    bias = b + a·mean; in train mode the norm then starts where eval is, instead of destroying the network.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for norm in norms}

    def watch(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double()
        count = torch.full((x.shape[1],), x.numel() / x.shape[1], dtype=torch.float64)
        sums[norm] += torch.stack([x.sum((0, 2, 3)), (x * x).sum((0, 2, 3)), count]).cpu()  # type: ignore[index]

    hooks = [norm.register_forward_pre_hook(watch) for norm in norms]
    network.eval()
    with torch.no_grad():
        for batch in images:
            network(batch)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        settle(norm, *sums[norm])


def settle(norm: nn.BatchNorm2d, total: Tensor, squares: Tensor, count: Tensor) -> None:
    """Move the norm's statistics to the measured ones without changing what it computes."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = total / count
    variance = (squares / count - mean * mean).clamp(min=0)
    gain = norm.weight.data.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.data.double() - gain * norm.running_mean.double()
    norm.weight.data.copy_(gain * (variance + norm.eps).sqrt())
    norm.bias.data.copy_(shift + gain * mean)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
