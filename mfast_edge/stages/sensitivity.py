"""What each group's channels are worth: the loss that the network gains when the group alone is narrower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mfast_edge.candidate import digest
from mfast_edge.stages.channels import Group, Groups, ranked, silenced
from mfast_edge.store import read_json, write_json

if TYPE_CHECKING:
    from mfast_edge.stages.prune import Prune
    from mfast_edge.workshop import Built, Workshop

TRIED = 5  # widths of a group that are tried; between them the loss is taken as a straight line


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The groups, and for each (width, loss gained) from its whole width down."""

    groups: Groups
    curves: Mapping[str, Sequence[tuple[int, float]]]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"groups": {name: group.told() for name, group in self.groups.items()}, "curves": self.curves}


def sensitivity(made: Built, prune: Prune, shop: Workshop, folder: Path) -> Sensitivity:
    """Measured on training batches, or read from `folder`, where it is kept for another share or another time.

    Another version of the stage, and another device, measure for themselves.
    """
    settings = [prune.batch, prune.batches, prune.looks, prune.round_to, prune.most]
    asked = [prune.version, *settings, shop.seed, shop.data.digest, shop.device]
    place = folder / f"sensitivity-{digest(asked)[:8]}.json"
    if (told := read_json(place)) is None:
        told = measured(made, prune, shop).told()
        place.parent.mkdir(exist_ok=True)
        write_json(place, told)
    groups = {name: Group(**group) for name, group in told["groups"].items()}
    return Sensitivity(groups, {name: [(w, h) for w, h in rows] for name, rows in told["curves"].items()})


def measured(made: Built, prune: Prune, shop: Workshop) -> Sensitivity:
    """The loss at each tried width, less that of the whole network, on the same `looks` training batches."""
    groups = ranked(made, prune, shop)
    batches = [
        (images.to(shop.device), truths) for images, truths in shop.batches(made.build, prune.batch, prune.looks)
    ]
    loss, network = shop.model.loss(made.build), sober(deepcopy(made.network).train())
    whole = mean(network, loss, batches)
    curves = {}
    for name, group in groups.items():
        curves[name] = [(len(group.order), 0.0)]
        for width in tried(steps(len(group.order), prune)):
            with silenced(network, group, width):
                curves[name].append((width, mean(network, loss, batches) - whole))
        shop.tell(f"sensitivity: {len(curves)} of {len(groups)} groups")
    return Sensitivity(groups, curves)


def sober(network: nn.Module) -> nn.Module:
    """The network with nothing dropped: chance would say which width is harmful."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return network


def steps(width: int, prune: Prune) -> list[int]:
    """The stair edges below `width`, widest first, down to 1 - `most` of it."""
    edge = prune.round_to or 1
    least = max(edge, round(width * (1 - prune.most)))
    return [wide for wide in range(width - 1, 0, -1) if wide % edge == 0 and wide >= least]


def tried(edges: Sequence[int]) -> list[int]:
    """TRIED of the edges, evenly, the narrowest among them."""
    count = min(TRIED, len(edges))
    return sorted({edges[len(edges) * (n + 1) // count - 1] for n in range(count)}, reverse=True)


def mean(network: nn.Module, loss: Any, batches: Sequence[tuple[torch.Tensor, Any]]) -> float:
    """The loss over the batches of a network in train mode: batch norms use each batch's own statistics, as after
    a re-measuring."""
    with torch.no_grad():
        return sum(float(sum(loss(network(images), truths).values())) for images, truths in batches) / len(batches)
