"""Whole channels out of a network, by torch-pruning's dependency groups (Fang 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch_pruning as tp
from torch import nn

from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.stages.prune import Prune
    from mfast_edge.workshop import Built, Workshop

STEPS = 50  # towards `most`; widths move in whole multiples anyway


def thin(made: Built, prune: Prune, shop: Workshop) -> None:
    """Take out the least important channels until `prune.keep` of the multiply-adds are left.

    Importance is the group's first-order Taylor term (Molchanov 2019) on training batches, compared over the
    whole network; widths are multiples of `round_to`; head outputs are never touched.
    """
    network, example = made.network, shop.example(made.build)
    importance(made, prune, shop)
    pruner = tp.pruner.BasePruner(
        network,
        example,
        importance=tp.importance.GroupTaylorImportance(),
        global_pruning=True,
        pruning_ratio=prune.most,
        max_pruning_ratio=prune.most,
        iterative_steps=STEPS,
        round_to=prune.round_to,
        ignored_layers=shop.model.heads(network),
    )
    whole = macs(network, example)
    for _ in range(STEPS):
        if macs(network, example) <= prune.keep * whole:
            break
        pruner.step()
    else:
        raise UserError(
            f"prune.keep: {prune.keep} given; widths in steps of {prune.round_to} leave "
            f"{macs(network, example) / whole:.2f} of the multiply-adds at the least"
        )
    network.zero_grad(set_to_none=True)


def macs(network: nn.Module, example: torch.Tensor) -> float:
    """Multiply-adds of one image."""
    return float(tp.utils.count_ops_and_params(network, example)[0])


def importance(made: Built, prune: Prune, shop: Workshop) -> None:
    """Gradients of the loss over `batches` training batches, summed, left in the parameters."""
    loss = shop.model.loss(made.build)
    network = made.network.eval()
    for images, truths in shop.batches(made.build, prune.batch, prune.batches):
        sum(loss(network(images.to(shop.device)), truths).values()).backward()
