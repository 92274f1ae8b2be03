"""A network in YAML as a table: its entries with parameters and multiply-adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from mfast_edge.latency import layers
from mfast_edge.networks.grammar import COLOURS, Entry
from mfast_edge.networks.graph import Graph, build
from mfast_edge.settings import canonical


@dataclass(frozen=True, slots=True)
class Row:
    """An entry: the entries it reads, how often its module is there, what comes out."""

    number: int
    sources: tuple[int, ...]
    repeat: int
    module: str
    arguments: str
    shape: str
    parameters: int
    macs: int


def table(entries: Sequence[Entry], size: int, outputs: Sequence[int] = ()) -> list[Row]:
    """A row for each entry, counted at an image of `size` px: multiply-adds of convolutions and linear layers.

    Nothing is computed: tensors have a shape and no values.
    """
    with torch.device("meta"):
        graph = build(entries, outputs)
        found = layers(Whole(graph), torch.zeros(1, COLOURS, size, size))
    macs = Counter[int]()
    for layer in found:
        if layer.kind != "image":
            macs[int(layer.path.split(".")[2])] += layer.macs
    return [row(entry, graph.steps[entry.number], macs[entry.number]) for entry in entries]


class Whole(nn.Module):
    """A graph whose outputs are what its entries make that come out."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, size, size) → the maps."""
        return self.graph.maps(x)


def row(entry: Entry, step: nn.Module, macs: int) -> Row:
    """What is told of an entry; arguments are those after scaling."""
    first = entry.links[0].module.model_dump(exclude={"tree"})
    told = ", ".join(f"{name} {canonical(value)}" for name, value in first.items() if value is not None)
    parameters = sum(one.numel() for one in step.parameters())
    return Row(entry.number, entry.sources, len(entry.links), entry.name, told, str(entry.shape), parameters, macs)
