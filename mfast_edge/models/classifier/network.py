"""The classifier: a network in YAML behind the normalisation that all our graphs share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mfast_edge.networks.grammar import Entry
from mfast_edge.networks.graph import build, fixed


class Classifier(nn.Module):
    """Images (B, 3, size, size) RGB 0..255 → logits (B, C), in a tuple as all models' outputs."""

    def __init__(self, entries: Sequence[Entry]):
        super().__init__()
        self.graph = build(entries)
        self.cut = cut(entries)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Raw outputs; normalisation to -1..1 is the graph's first node."""
        return self.predict(self.maps(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The last map (B, C, side, side) that all logits follow from."""
        return [self.graph((images - 128) / 128, 0, self.cut)]

    def predict(self, maps: list[Tensor]) -> tuple[Tensor]:
        """Raw outputs of `maps`."""
        return (self.graph(maps[0], self.cut),)


def cut(entries: Sequence[Entry]) -> int:
    """How many entries come before the classifying ones: up to the last map of several cells that all after it follow
    from."""
    for place in range(len(entries), 0, -1):
        alone = all(source >= place - 1 for entry in entries[place:] for source in entry.sources)
        if alone and entries[place - 1].shape.side > 1:
            return place
    return 0


def weighing(network: nn.Module) -> str:
    """The path of the last leaf with weights, whose outputs are the logits."""
    paths = [path for path, leaf in network.named_modules() if isinstance(leaf, nn.Conv2d | nn.Linear)]
    return paths[-1]


def heads(network: nn.Module) -> list[nn.Module]:
    """The layer whose outputs are the logits, the last one of a decomposed one; and what is never pruned either."""
    return [network.get_submodule(weighing(network)), *fixed(network)]
