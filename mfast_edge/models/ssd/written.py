"""An SSD put together on a network in YAML."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mfast_edge.backbones.blocks import scaled
from mfast_edge.models.ssd.assemble import Table, centred
from mfast_edge.models.ssd.build import levels
from mfast_edge.models.ssd.net import Net, backbone
from mfast_edge.models.ssd.network import SSD, Head, LiteExtra, LiteHead
from mfast_edge.networks.grammar import Entry
from mfast_edge.networks.graph import Graph, begin


class Trunk(Graph):
    """A network in YAML as the maps that an SSD reads, the largest first."""

    def __init__(self, entries: Sequence[Entry], outputs: Sequence[int]):
        super().__init__(entries[: max(outputs) + 1], outputs)
        begin(self)

    def forward(self, x: Tensor) -> list[Tensor]:  # type: ignore[override]
        """Normalised images (B, 3, size, size) → the maps."""
        return self.maps(x)


def assemble(build: Net, table: Table, extras: Sequence[tuple[int, int]]) -> SSD:
    """The network's maps, further ones of half the side each; nothing is built above the last head."""
    entries, found = backbone(build)
    used = 1 + levels(table)[-1]
    outputs, further = found[:used], nn.ModuleList()
    channels = [entries[number].shape.channels for number in outputs]
    sides = [entries[number].shape.side for number in outputs]
    for reduced, outside in extras[: max(0, used - len(found))]:
        wide = scaled(outside, build.width)
        further.append(LiteExtra(sides[-1], channels[-1], scaled(reduced, build.width), wide))
        channels.append(wide)
        sides.append(-(-sides[-1] // 2))
    kinds, heads = len(build.classes), nn.ModuleDict()
    for level in levels(table):
        map_, anchors = (channels[level], sides[level]), len(table[level])
        lite = build.heads == "lite"
        heads[str(level)] = (
            LiteHead(*map_, anchors, kinds) if lite else Head(*map_, anchors, kinds, centred(sides[level]))
        )
    return SSD(Trunk(entries, outputs), further, heads)
