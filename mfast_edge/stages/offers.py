"""Which layers could be replaced by thinner chains, and of what ranks."""

from __future__ import annotations

from collections.abc import Iterator
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
    return [Offer(path, kind, ranks) for kind, ranks in kinds(layer, settings)]


def kinds(layer: Thick, settings: Decompose) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(kind, ranks) of each replacement that is smaller than the layer."""
    weight = layer.weight.detach()
    outputs, inputs = int(weight.shape[0]), int(weight.shape[1])
    if isinstance(layer, nn.Linear):
        rank = ranked(weight, settings)
        if rank * (outputs + inputs) < outputs * inputs:
            yield "svd", (rank,)
        return
    up, down = ranked(weight.flatten(1), settings), ranked(weight.transpose(0, 1).flatten(1), settings)
    if "tucker2" in settings.methods and (up < outputs or down < inputs):
        yield "tucker2", (up, down)
    # A CP of fewer terms than either unfolding has directions cannot be exact.
    if "cp" in settings.methods and max(up, down) < max(outputs, inputs):
        yield "cp", (max(up, down),)


def ranked(matrix: Tensor, settings: Decompose) -> int:
    """The rank of an unfolding (rows first): a fixed share, or EVBMF's weakened; rounded up, at most the rows."""
    rows = int(matrix.shape[0])
    if settings.share is not None:
        wanted = settings.share * rows
    else:
        least = evbmf(matrix.cpu().double().numpy()).rank
        wanted = rows - (1 - settings.weaken) * (rows - least)
    step = settings.round_to or 1
    return min(rows, max(step, -(-round(wanted) // step) * step))


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
