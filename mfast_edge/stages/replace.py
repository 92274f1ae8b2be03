"""Layer by layer: the fastest replacement whose output is near enough, and why it was taken or left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mfast_edge.ratios import FASTER, Offer, Ratio
from mfast_edge.stages.factors import Thick, decomposed
from mfast_edge.stages.offers import offered

if TYPE_CHECKING:
    from mfast_edge.stages.decompose import Decompose
    from mfast_edge.workshop import Built, Workshop

BATCH = 8


@dataclass(frozen=True, slots=True)
class Held:
    """A layer in its network."""

    made: Built
    path: str
    layer: Thick


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one layer, and why."""

    path: str
    offer: str  # the one that the sentence is about; nothing where no rank was small enough
    ratio: float | None
    error: float | None
    taken: bool
    why: str

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def replace(made: Built, settings: Decompose, known: Mapping[Offer, Ratio], shop: Workshop) -> list[Choice]:
    """Replace in place what pays; a choice for every layer that was offered. Errors are those of each layer alone."""
    choices, chains = [], {}
    for path, layer in offered(made.network).items():
        rows = sorted((row for row in known.items() if row[0].path == path), key=lambda row: row[1].median)
        choice, chain = choose(Held(made, path, layer), rows, settings, shop)
        choices.append(choice)
        if chain is not None:
            chains[path] = chain
    for path, chain in chains.items():
        made.network.set_submodule(path, chain)
    return choices


def choose(
    held: Held, rows: Sequence[tuple[Offer, Ratio]], settings: Decompose, shop: Workshop
) -> tuple[Choice, nn.Sequential | None]:
    """The fastest of a layer's offers that holds the gate; else the sentence about the fastest one."""
    if not rows:
        return Choice(held.path, "", None, None, False, "left: no rank below what it has"), None
    left = None
    for offer, ratio in rows:
        if ratio.high >= FASTER:
            why = f"left: {ratio}"
            return left or Choice(held.path, offer.name, ratio.median, None, False, why), None
        chain = decomposed(held.layer, offer.kind, offer.ranks)
        error = apart(held, chain, settings, shop)
        told = f"{offer.name}, {ratio.told}"
        if error <= settings.error:
            why = f"taken: {told}, output error {error:.2f}"
            return Choice(held.path, offer.name, ratio.median, error, True, why), chain
        why = f"left: {told}, but output error {error:.2f} over {settings.error:g}"
        left = left or Choice(held.path, offer.name, ratio.median, error, False, why)
    assert left is not None
    return left, None


def apart(held: Held, chain: nn.Module, settings: Decompose, shop: Workshop) -> float:
    """‖chain(x) - layer(x)‖ / ‖layer(x) - bias‖ over the layer's inputs on training photos."""
    layer = held.layer
    sums = torch.zeros(2, dtype=torch.float64)

    def watch(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        off = chain(inputs[0]) - output
        plain = output - shift(layer)
        sums.add_(torch.stack([off.double().square().sum(), plain.double().square().sum()]).cpu())

    hook = layer.register_forward_hook(watch)
    size = min(BATCH, settings.photos)
    with torch.no_grad():
        for images, _ in shop.batches(held.made.build, size, -(-settings.photos // size)):
            held.made.network.eval()(images.to(shop.device))
    hook.remove()
    return float((sums[0] / sums[1].clamp(min=1e-30)).sqrt())


def shift(layer: Thick) -> Tensor | float:
    """The bias, ready to be taken off the output."""
    if layer.bias is None:
        return 0.0
    return layer.bias if isinstance(layer, nn.Linear) else layer.bias[:, None, None]
