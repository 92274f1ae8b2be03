"""Whole channels out of a network, by torch-pruning's dependency groups (Fang 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch_pruning as tp
from torch import nn

if TYPE_CHECKING:
    from mfast_edge.stages.prune import Prune
    from mfast_edge.workshop import Built, Workshop

ROOTS = (nn.Conv2d, nn.Linear)
MEMBERS = (*ROOTS, nn.BatchNorm2d)


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that go together: in which order, the least important first; and what gets narrower with them,
    {path of a layer: channels that it has for each of the group's}, on its input and on its output side."""

    order: Sequence[int]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


Groups = Mapping[str, Group]  # by the layer that each starts from


def ranked(made: Built, prune: Prune, shop: Workshop) -> dict[str, Group]:
    """Every group of channels but for those of head outputs, ranked.

    Importance is the group's first-order Taylor term (Molchanov 2019) on `prune.batches` training batches.
    """
    gradients(made, prune, shop)
    graph = tp.DependencyGraph().build_dependency(made.network, shop.example(made.build))
    names = {module: name for name, module in made.network.named_modules()}
    rank = tp.importance.GroupTaylorImportance()
    groups = graph.get_all_groups(ignored_layers=shop.model.heads(made.network), root_module_types=ROOTS)
    found = {
        names[group[0].dep.target.module]: ordered(graph, group, rank(group), names)
        for group in groups
        if whole(graph, group)
    }
    made.network.zero_grad(set_to_none=True)
    return found


def whole(graph: Any, group: Any) -> bool:
    """Whether a group holds all outputs of each of its layers, once: where joined maps are added to another one, or
    joined with what follows from themselves, parts of a layer go with different others, and nothing is taken."""
    count = graph.get_out_channels(group[0].dep.target.module)
    return all(
        len(channels) == graph.get_out_channels(dep.target.module) == count
        for dep, channels in group
        if isinstance(dep.target.module, MEMBERS) and graph.is_out_channel_pruning_fn(dep.handler)
    )


def ordered(graph: Any, group: Any, scores: torch.Tensor, names: Mapping[nn.Module, str]) -> Group:
    """One of torch-pruning's groups, by its channels' scores."""
    inputs, outputs = dict[str, int](), dict[str, int]()
    for dep, channels in group:
        layer = dep.target.module
        if isinstance(layer, MEMBERS):
            side = outputs if graph.is_out_channel_pruning_fn(dep.handler) else inputs
            side[names[layer]] = len(channels) // len(scores)
    return Group(scores.argsort().tolist(), inputs, outputs)


@contextmanager
def silenced(network: nn.Module, group: Group, width: int) -> Iterator[None]:
    """The network with all but `width` of the group's channels giving zeros: it says what it would say without
    them, at once and for no longer than the block."""
    gone = group.order[: len(group.order) - width]
    kept = []
    with torch.no_grad():
        for name, per in group.outputs.items():
            layer = network.get_submodule(name)
            rows = torch.tensor([channel * per + part for channel in gone for part in range(per)])
            for parameter in layer.parameters(recurse=False):
                kept.append((parameter, rows, parameter[rows].clone()))
                parameter[rows] = 0
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, rows, values in kept:
                parameter[rows] = values


def narrow(network: nn.Module, example: torch.Tensor, groups: Groups, widths: Mapping[str, int]) -> nn.Module:
    """The network, in place, with each group in `widths` left with so many of its most important channels."""
    graph = tp.DependencyGraph().build_dependency(network, example)
    for name, width in widths.items():
        order = groups[name].order
        gone = sorted(order[: len(order) - width])
        if gone:
            layer = network.get_submodule(name)
            graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, gone).prune()
    return network.requires_grad_(True)


def gradients(made: Built, prune: Prune, shop: Workshop) -> None:
    """Gradients of the loss over `batches` training batches, summed, left in the parameters."""
    loss = shop.model.loss(made.build)
    network = made.network.eval()
    for images, truths in shop.batches(made.build, prune.batch, prune.batches):
        sum(loss(network(images.to(shop.device)), truths).values()).backward()
