"""A parsed network in torch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mfast_edge.networks.grammar import Entry
from mfast_edge.networks.layers import MAKERS


class Graph(nn.Module):
    """Entries called one after the other, each on what those made that it reads; all in float32."""

    def __init__(self, entries: Sequence[Entry]):
        super().__init__()
        self.sources = tuple(entry.sources for entry in entries)
        self.steps = nn.ModuleList(step(entry) for entry in entries)
        begin(self)

    def forward(self, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """What entry `last` makes of x (B, C, H, W), which is what the entry before `first` made."""
        for layer in self.steps[first:last]:
            x = layer(x)
        return x


def step(entry: Entry) -> nn.Module:
    """The modules of an entry: one, or a sequence."""
    made = [MAKERS[type(link.module)](link) for link in entry.links]
    return made[0] if len(made) == 1 else nn.Sequential(*made)


def begin(network: nn.Module) -> None:
    """Weights to start from: convolutions so that gradients keep their size (He 2015), linear layers small."""
    for leaf in network.modules():
        if isinstance(leaf, nn.Conv2d):
            nn.init.kaiming_normal_(leaf.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(leaf, nn.Linear):
            nn.init.normal_(leaf.weight, 0, 0.01)
        if isinstance(leaf, nn.Conv2d | nn.Linear) and leaf.bias is not None:
            nn.init.zeros_(leaf.bias)
