"""Which layers could be replaced by thinner chains, and of what ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mfast_edge.ratios import Offer
from mfast_edge.stages.evbmf import evbmf
from mfast_edge.stages.factors import Thick

if TYPE_CHECKING:
    from mfast_edge.stages.decompose import Decompose


def offered(network: nn.Module) -> dict[str, Thick]:
    """{path: layer} of every convolution with k > 1 and groups = 1, and of every linear layer."""
    return {
        path: layer
        for path, layer in network.named_modules()
        if isinstance(layer, nn.Linear)
        or (isinstance(layer, nn.Conv2d) and layer.groups == 1 and max(layer.kernel_size) > 1)
    }


def offers(path: str, layer: Thick, settings: Decompose) -> list[Offer]:
    """The replacements of one layer; none where every rank is as large as what it would replace."""
    weight = layer.weight.detach()
    sides = [weight] if isinstance(layer, nn.Linear) else [weight.flatten(1), weight.transpose(0, 1).flatten(1)]
    found = [kind for ranks in ranked(sides, settings) for kind in kinds(layer, ranks, settings)]
    return [Offer(path, kind, ranks) for kind, ranks in dict.fromkeys(found)]


def kinds(layer: Thick, ranks: tuple[int, ...], settings: Decompose) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(kind, ranks) of each replacement with these ranks of its unfoldings that is smaller than the layer."""
    outputs, inputs = int(layer.weight.shape[0]), int(layer.weight.shape[1])
    most = max(ranks)
    if isinstance(layer, nn.Linear):
        if most * (outputs + inputs) < outputs * inputs:
            yield "svd", ranks
        return
    if "tucker2" in settings.methods and ranks != (outputs, inputs):
        yield "tucker2", ranks
    # A CP of fewer terms than either unfolding has directions cannot be exact.
    if "cp" in settings.methods and most < max(outputs, inputs):
        yield "cp", (most,)


def ranked(sides: Sequence[Tensor], settings: Decompose) -> Iterator[tuple[int, ...]]:
    """Ranks of unfoldings (rows first): a fixed share, or EVBMF's, weakened; rounded up, at most the rows."""
    rows = [int(side.shape[0]) for side in sides]
    step = settings.round_to or 1
    if settings.share is not None:
        wanted = [[settings.share * row for row in rows]]
    else:
        least = [evbmf(side.cpu().double().numpy()).rank for side in sides]
        wanted = [
            [rank + weaken * (row - rank) for rank, row in zip(least, rows, strict=True)] for weaken in settings.weaken
        ]
    for one in wanted:
        rounded = [max(step, -(-round(rank) // step) * step) for rank in one]
        yield tuple(min(pair) for pair in zip(rows, rounded, strict=True))


def shapes(network: nn.Module, image: Tensor, paths: list[str]) -> dict[str, tuple[int, ...]]:
    """{path: shape of the input} of layers, for one image."""
    found: dict[str, tuple[int, ...]] = {}

    def watch(path: str) -> torch.utils.hooks.RemovableHandle:
        return network.get_submodule(path).register_forward_pre_hook(
            lambda _, inputs: found.__setitem__(path, tuple(inputs[0].shape))
        )

    hooks = [watch(path) for path in paths]
    with torch.no_grad():
        network.eval()(image)
    for hook in hooks:
        hook.remove()
    return found
