"""The weights of a network, compressed as it may be, in one of the same kind built with other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge import blueprint
from mfast_edge.errors import UserError
from mfast_edge.workshop import Built

if TYPE_CHECKING:
    from mfast_edge.settings import Settings
    from mfast_edge.workshop import Workshop

MOVING = ("kernel_size", "stride", "padding")


def transplant(old: Built, build: Settings, shop: Workshop) -> Built:
    """A network of `build` with every leaf that the old one has: its widths and weights, of heads those outputs
    that `Model.sources` names. Kernels, strides and paddings are the new network's: they depend on the size.

    UserError where a layer was decomposed: its chain was made for the size it had."""
    if any(spec["type"] == blueprint.CHAIN for spec in blueprint.layers(old.network).values()):
        raise UserError("refit: the network is decomposed; an order such as train, refit, decompose would be right")
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
            wanted[path] = spec | {name: after[path][name] for name in MOVING}
        if path in chosen:
            wanted[path] = {**wanted[path], "out_channels": len(chosen[path])}
    return wanted


def carried(old: dict[str, Tensor], new: dict[str, Tensor], chosen: dict[str, list[int]]) -> dict[str, Tensor]:
    """A state_dict for the new network out of the old one's."""
    rows = {f"{path}.{name}": numbers for path, numbers in chosen.items() for name in ("weight", "bias")}
    return {name: cut(old[name][rows[name]] if name in rows else old[name], new[name]) for name in new}


def cut(weight: Tensor, wanted: Tensor) -> Tensor:
    """The middle of a kernel where the new one is smaller, zeros around it where it is larger."""
    if weight.ndim != 4 or weight.shape[2:] == wanted.shape[2:]:
        return weight
    rim = (wanted.shape[2] - weight.shape[2]) // 2
    return F.pad(weight, [rim] * 4)  # below 0: cuts off
