"""A parsed network in torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from mfast_edge.networks.grammar import Entry, Link
from mfast_edge.networks.layers import Attention, Shuffle
from mfast_edge.networks.makers import MAKERS


class Graph(nn.Module):
    """Entries called one after the other, each on what those made that it reads; all in float32. `outputs` are the
    numbers of the entries that come out."""

    def __init__(self, entries: Sequence[Entry], outputs: Sequence[int] = ()):
        super().__init__()
        self.sources = tuple(entry.sources for entry in entries)
        self.outputs = tuple(outputs) or (len(entries) - 1,)
        needed = reached(self.sources, self.outputs)
        self.steps = nn.ModuleList(step(one) if one.number in needed else nn.Identity() for one in entries)
        self.order = tuple(sorted(needed))

    def forward(self, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """What the entry before `last` makes of x (B, C, H, W), which is what the entry before `first` made."""
        end = len(self.steps) if last is None else last
        return self.run(x, first, end, (end - 1,))[0]

    def maps(self, x: Tensor) -> list[Tensor]:
        """What comes out, of normalised images (B, 3, H, W)."""
        return self.run(x, 0, max(self.outputs) + 1, self.outputs)

    def run(self, x: Tensor, first: int, last: int, wanted: Sequence[int]) -> list[Tensor]:
        """What the `wanted` entries make; what nothing reads any more is let go."""
        made = {first - 1: x}
        for number in (one for one in self.order if first <= one < last):
            given = [made[source] for source in self.sources[number]]
            made[number] = self.steps[number](*given)
            needed = {source for later in self.sources[number + 1 : last] for source in later} | {*wanted}
            made = {key: map_ for key, map_ in made.items() if key in needed or key == number}
        return [made[number] for number in wanted]

    def makers(self, number: int) -> list[nn.Module]:
        """The convolutions of the entries whose channels entry `number` reads, through those that have none."""
        found = list[nn.Module]()
        for source in self.sources[number]:
            if source >= 0:
                found += convs(self.steps[source]) or self.makers(source)
        return found


def reached(sources: Sequence[Sequence[int]], outputs: Sequence[int]) -> set[int]:
    """The entries that the outputs follow from."""
    waiting, found = list(outputs), set[int]()
    while waiting:
        number = waiting.pop()
        if number >= 0 and number not in found:
            found.add(number)
            waiting += sources[number]
    return found


def build(entries: Sequence[Entry], outputs: Sequence[int] = ()) -> Graph:
    """A fresh network with weights to start from."""
    graph = Graph(entries, outputs)
    begin(graph)
    return graph


def step(entry: Entry) -> nn.Module:
    """The modules of an entry: one, or a sequence."""
    found = [made(link) for link in entry.links]
    return found[0] if len(found) == 1 else nn.Sequential(*found)


def made(link: Link) -> nn.Module:
    """A module; a YAML file's is a graph of its own."""
    return Graph(link.entries) if link.entries else MAKERS[type(link.module)](link.module, link)


def begin(network: nn.Module) -> None:
    """Weights to start from: convolutions so that gradients keep their size (He 2015), linear layers small."""
    for leaf in network.modules():
        if isinstance(leaf, nn.Conv2d):
            nn.init.kaiming_normal_(leaf.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(leaf, nn.Linear):
            nn.init.normal_(leaf.weight, 0, 0.01)
        if isinstance(leaf, nn.Conv2d | nn.Linear) and leaf.bias is not None:
            nn.init.zeros_(leaf.bias)


def fixed(network: nn.Module) -> list[nn.Module]:
    """The convolutions whose channels must stay as many and in their places: what is shuffled, and what an attention
    over neighbouring channels reads."""
    found = list[nn.Module]()
    for module in network.modules():
        if isinstance(module, Shuffle):
            found += [convs(way)[-1] for way in (module.pass_by, module.body) if way]
        if isinstance(module, nn.Sequential):
            found += [conv for one, after in pairwise(module) if ordered(after) for conv in convs(one)[-1:]]
        if isinstance(module, Graph):
            readers = [number for number, step in enumerate(module.steps) if ordered(step)]
            found += [conv for number in readers for conv in module.makers(number)]
    return found


def ordered(module: nn.Module) -> bool:
    """Whether the places of the channels that a module reads mean something to it."""
    if isinstance(module, Graph):
        return ordered(module.steps[0])
    if isinstance(module, nn.Sequential) and len(module):
        return ordered(module[0])
    return isinstance(module, Attention) or (isinstance(module, Shuffle) and module.pass_by is None)


def convs(module: nn.Module) -> list[nn.Module]:
    """The convolutions of a module, in their order."""
    return [leaf for leaf in module.modules() if isinstance(leaf, nn.Conv2d)]
