"""The weights of a network, compressed as it may be, in one of the same kind built with other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from mfast_edge import blueprint
from mfast_edge.workshop import Built

if TYPE_CHECKING:
    from mfast_edge.settings import Settings
    from mfast_edge.workshop import Workshop


def transplant(old: Built, build: Settings, shop: Workshop) -> Built:
    """A network of `build` with every leaf that the old one has: its widths and weights, of heads those outputs
    that `Model.sources` names. Paddings are the new network's: SAME padding depends on the size."""
    network = shop.model.network(build).to(shop.device)
    chosen = shop.model.sources(old.build, build)
    blueprint.restore(network, leaves(old.network, network, chosen))
    network.load_state_dict(carried(old.network.state_dict(), network.state_dict(), chosen))
    return Built(network.eval(), build)


def leaves(old: nn.Module, new: nn.Module, chosen: dict[str, list[int]]) -> dict[str, dict[str, Any]]:
    """The old specification of every leaf of the new network."""
    before, after = blueprint.layers(old), blueprint.layers(new)
    wanted = {path: before[path] for path in after}
    for path, spec in wanted.items():
        if spec["type"] == after[path]["type"] == "Conv2d":
            wanted[path] = {**spec, "padding": after[path]["padding"]}
        if path in chosen:
            wanted[path] = {**wanted[path], "out_channels": len(chosen[path])}
    return wanted


def carried(old: dict[str, Tensor], new: dict[str, Tensor], chosen: dict[str, list[int]]) -> dict[str, Tensor]:
    """A state_dict for the new network out of the old one's."""
    rows = {f"{path}.{name}": numbers for path, numbers in chosen.items() for name in ("weight", "bias")}
    return {name: old[name][rows[name]] if name in rows else old[name] for name in new}
