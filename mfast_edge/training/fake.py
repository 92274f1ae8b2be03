"""A network that rounds as its int8 graph will, gradients going straight through (Jacob 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from mfast_edge.training.calls import WEIGHTED, Calls
from mfast_edge.training.team import extremes

TINY = 1e-12  # a norm's factor of 0 divides nothing


@dataclass(frozen=True, slots=True)
class Grid:
    """How values become 8 bits: symmetric or not, signed or not, weights to 7 bits, one scale per channel."""

    signed: bool
    symmetric: bool
    per_channel: bool
    reduced: bool

    def activations(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, int, int]:
        """(scales, zero points, least, most) of ranges (n,), by onnxruntime's formula."""
        least, most = (-128, 127) if self.signed else (0, 255)
        low, high = low.clamp(max=0), high.clamp(min=0)
        if self.symmetric:
            widest = torch.maximum(-low, high)
            return filled(widest / 127), torch.zeros_like(low, dtype=torch.int32), least, most
        scale = filled((high - low) / 255)
        return scale, (least - low / scale).round().to(torch.int32), least, most

    def weights(self, weight: Tensor) -> Tensor:
        """Symmetric int8, a scale for each output channel or one for all."""
        most = 64 if self.reduced else 127
        size = weight.detach().abs()
        if not self.per_channel:
            scale = filled(size.amax() / most)
            return torch.fake_quantize_per_tensor_affine(weight, scale, scale.int() * 0, -most, most)
        scale = filled(size.flatten(1).amax(1) / most)
        return torch.fake_quantize_per_channel_affine(weight, scale, scale.int() * 0, 0, -most, most)


def filled(scale: Tensor) -> Tensor:
    """Nothing but zeros is held by any scale."""
    return torch.where(scale < torch.finfo(torch.float32).tiny, torch.ones_like(scale), scale)


@dataclass(frozen=True, slots=True)
class Fakes:
    """Where a network rounds: place → (lowest, highest) to start from; `whole` ranges only ever grow.

    layers: paths with int8 weights; norms: layer → the batch norm behind it, which the graph folds into it.
    """

    ranges: Mapping[str, tuple[float, float]]
    whole: frozenset[str]
    layers: frozenset[str]
    norms: Mapping[str, str]
    grid: Grid


class Quantised(nn.Module):
    """`network`, rounding. In training, batch norms and ranges follow the data for `moving` batches, then stand.

    Ranges and the number of batches seen are buffers: a checkpoint holds them, the moving average averages them.
    """

    low: Tensor
    high: Tensor
    seen: Tensor

    def __init__(self, network: nn.Module, fakes: Fakes, moving: int, momentum: float):
        super().__init__()
        self.network, self.fakes, self.moving, self.momentum = network, fakes, moving, momentum
        self.numbers = {place: number for number, place in enumerate(fakes.ranges)}
        ranges = torch.tensor(list(fakes.ranges.values()), dtype=torch.float32).reshape(-1, 2)
        self.register_buffer("low", ranges[:, 0].clone())
        self.register_buffer("high", ranges[:, 1].clone())
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def forward(self, images: Tensor) -> Any:
        """What the network gives, rounded on the way."""
        if self.training:
            self.seen += 1
        follow = self.training and int(self.seen) <= self.moving
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(follow)
        with Calls(self.network, Rounding(self, follow)):
            return self.network(images)

    def told(self) -> dict[str, Any]:
        """All but the network, as JSON: see `quantised`."""
        fakes = asdict(self.fakes) | {"whole": sorted(self.fakes.whole), "layers": sorted(self.fakes.layers)}
        return {"fakes": fakes, "moving": self.moving, "momentum": self.momentum}

    def ranges(self) -> dict[str, tuple[float, float]]:
        """place → (lowest, highest) as they are now."""
        return {place: (float(self.low[n]), float(self.high[n])) for place, n in self.numbers.items()}

    @torch.no_grad()
    def observe(self, place: str, out: Tensor) -> None:
        """The range follows a batch: extremes for what must stay whole, else their moving average."""
        number, (low, high) = self.numbers[place], extremes(out)
        if place in self.fakes.whole:
            self.low[number] = torch.minimum(self.low[number], low)
            self.high[number] = torch.maximum(self.high[number], high)
        else:
            self.low[number] += self.momentum * (low - self.low[number])
            self.high[number] += self.momentum * (high - self.high[number])


def quantised(network: nn.Module, told: Mapping[str, Any]) -> Quantised:
    """The network, rounding as another one `told`."""
    known = told["fakes"]
    sets = {name: frozenset(known[name]) for name in ("whole", "layers")}
    fakes = Fakes(known["ranges"], norms=known["norms"], grid=Grid(**known["grid"]), **sets)
    return Quantised(network, fakes, told["moving"], told["momentum"])


class Rounding:
    """One forward of a `Quantised`."""

    def __init__(self, owner: Quantised, follow: bool):
        self.owner, self.fakes, self.follow = owner, owner.fakes, follow
        self.modules = dict(owner.network.named_modules())

    def __call__(self, place: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        path = place.rpartition("/")[0]
        if func in WEIGHTED and path in self.fakes.layers:
            out = self.weighted(path, func, args, kwargs)
        else:
            out = func(*args, **kwargs)
        return self.rounded(place, out) if place in self.owner.numbers else out

    def weighted(self, path: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The layer with the weights that the graph will have: its norm's factor in, rounded, and out again."""
        image, weight, bias, *rest = args
        if path not in self.fakes.norms:
            return cast(Tensor, func(image, self.fakes.grid.weights(weight), bias, *rest, **kwargs))
        factor = self.factor(self.fakes.norms[path])
        rounded = self.fakes.grid.weights(weight * factor.reshape(-1, *[1] * (weight.ndim - 1)))
        out = func(image, rounded, None, *rest, **kwargs) / factor.reshape(-1, *[1] * (weight.ndim - 2))
        return out if bias is None else out + bias.reshape(-1, *[1] * (weight.ndim - 2))

    def factor(self, path: str) -> Tensor:
        """γ / σ of a batch norm, by its running variance, as the export folds it."""
        norm = cast(nn.BatchNorm2d, self.modules[path])
        assert norm.running_var is not None
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        return torch.where(factor.abs() < TINY, torch.full_like(factor, TINY), factor)

    def rounded(self, place: str, out: Tensor) -> Tensor:
        """An activation on its grid; bfloat16 could not hold that."""
        if self.follow:
            self.owner.observe(place, out)
        number = self.owner.numbers[place]
        pair = slice(number, number + 1)
        scale, zero, least, most = self.fakes.grid.activations(self.owner.low[pair], self.owner.high[pair])
        return torch.fake_quantize_per_tensor_affine(out.float(), scale[0], zero[0], least, most)
