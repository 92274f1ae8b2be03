"""Latency tables: milliseconds per layer on one machine in one runtime; sums of them predict networks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from export.layer import Kind
from export.layer import Layer as Layer
from mfast_edge.errors import Unfinished, UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

# Measured widths and sides. Between them a layer's time is close to multilinear in channels in, channels
# out and pixels: multiply-adds, reads, writes and the call itself are each a product of those.
WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
SIDES = (1, 2, 3, 5, 10, 19, 38, 75, 150, 300, 600)
COLOURS = 4  # so many channels are an image, not a width
NARROW = (4, 8)  # further widths to measure where a step is no wider
MOVES = {"Cat", "Clone", "Permute", "Reshape", "ReshapeAlias", "Slice", "Split", "Squeeze", "Stack", "Transpose"}
MOVES |= {"UnsafeView", "Unsqueeze", "View"}  # as autograd names what only moves values


@dataclass(frozen=True, slots=True)
class Stairs:
    """By how many channels kernels go up: widths between two edges cost what the upper edge costs.

    `inside` is that of a dense layer's input channels: an int8 kernel multiplies four at once (VNNI, dp4a).
    """

    inside: int
    outside: int


@dataclass(frozen=True, slots=True)
class Table:
    """Measured layers of one machine, runtime, version, threads and dressing.

    `reference` is what the reference call took when the table was begun, in ms: a machine that takes longer for
    it now takes longer for all. `digest` names the table and stays while it grows, for what is measured never
    changes.
    """

    entries: Mapping[Layer, float]
    reference: float
    digest: str
    stairs: Stairs
    _known: dict[Layer, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def predict(self, layers: Iterable[Layer]) -> float:
        """Milliseconds of a network of these layers. Unfinished names a layer that the table does not hold."""
        return sum(self.ms(layer) for layer in layers)

    def ms(self, layer: Layer) -> float:
        """Milliseconds of one layer, measured or between measured neighbours."""
        if (found := self._known.get(layer)) is None:
            found = self._known[layer] = self._work_out(layer)
        return found

    def _work_out(self, layer: Layer) -> float:
        if layer in self.entries:
            return self.entries[layer]
        shares = dict(around(layer, self.stairs))
        if lacking := [one for one in shares if one not in self.entries]:
            raise Unfinished(f"latency: {lacking[0]} is not in the table; ask for a table that covers it")
        return sum(share * self.entries[one] for one, share in shares.items())


def around(layer: Layer, stairs: Stairs) -> Iterator[tuple[Layer, float]]:
    """The layers to measure for `layer`, and each one's share in its time; the shares add up to 1."""
    colours = layer.inside <= COLOURS and layer.kind in ("conv", "image")
    insides = [(layer.inside, 1.0)] if colours else _widths(layer.inside, inner(layer, stairs))
    alike = layer.even or layer.kind == "image"
    outsides = [(layer.outside, 1.0)] if alike or layer.last else _widths(layer.outside, stairs.outside)
    sides = _between(layer.side, SIDES, power=2)
    for (inside, a), (outside, b), (side, c) in product(insides, outsides, sides):
        if a * b * c:
            yield replace(layer.wide(inside, outside), side=side, path=""), a * b * c


def inner(layer: Layer, stairs: Stairs) -> int:
    """The step of its input channels: an even layer has as many as it gives."""
    return stairs.outside if layer.even else stairs.inside


def neighbours(layers: Iterable[Layer], stairs: Stairs) -> set[Layer]:
    """Every layer to measure so that all of `layers` can be predicted."""
    return {one for layer in layers for one, _ in around(layer, stairs)}


def thinner(layers: Iterable[Layer], stairs: Stairs) -> set[Layer]:
    """What to measure so that all of `layers`, each with any fewer channels on either side, can be predicted."""
    found = set()
    for layer in neighbours(layers, stairs):
        widths = knots(inner(layer, stairs))
        insides = [w for w in widths if w <= layer.inside] if layer.inside > COLOURS else [layer.inside]
        outsides = [layer.outside] if layer.last else [w for w in WIDTHS if w <= layer.outside] or [layer.outside]
        found |= {layer.wide(inside, outside) for inside, outside in product(insides, outsides)}
    return found


def layers(network: nn.Module, example: Tensor) -> list[Layer]:
    """The image, then every Conv2d, Linear and MaxPool2d that `network` calls for `example` (1, C, S, S), in order.

    An example (1, C), such as a linear layer takes, is no image.
    Identity leaves cost nothing; mean pooling, sums and norms that no runtime folds away are not counted.
    UserError for maps that are not square and for groups that are neither 1 nor depthwise.
    """
    import torch
    from torch import nn

    found: list[tuple[Layer, Any]] = []

    def note(path: str) -> Any:
        def hook(leaf: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            found.append((_layer(path, leaf, output), output.grad_fn))

        return hook

    kinds = (nn.Conv2d, nn.Linear, nn.MaxPool2d)
    leaves = [(name, one) for name, one in network.named_modules() if isinstance(one, kinds)]
    hooks = [leaf.register_forward_hook(note(path)) for path, leaf in leaves]
    try:
        with torch.enable_grad():  # the outputs' history tells which leaves end the network
            outputs = network(example.detach().clone().requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    last = _moved(outputs)
    colours, side = int(example.shape[1]), int(example.shape[-1])
    image = [Layer("image", colours, colours, side)] if example.ndim == 4 else []
    return image + [replace(one, last=made in last and one.kind != "pool") for one, made in found]


def _layer(path: str, leaf: Any, output: Any) -> Layer:
    if not hasattr(leaf, "kernel_size"):
        return Layer("linear", leaf.in_features, leaf.out_features, 1, path=path)
    channels, height, width = (int(size) for size in output.shape[1:])
    if not hasattr(leaf, "groups"):
        return Layer("pool", channels, channels, height, *shape_of(leaf), path=path)
    depthwise = leaf.groups == leaf.in_channels == leaf.out_channels and leaf.groups > 1
    if height != width or not (depthwise or leaf.groups == 1) or len({*leaf.stride}) > 1:
        raise UserError(
            f"latency: {path} has {leaf.groups} groups, stride {leaf.stride} and a map of {height} x {width}; "
            "square maps and strides, no groups or depthwise ones would be right"
        )
    kind: Kind = "depthwise" if depthwise else "conv"
    return Layer(kind, leaf.in_channels, leaf.out_channels, height, *shape_of(leaf), path=path)


def shape_of(leaf: Any) -> tuple[tuple[int, int], int, int]:
    """Kernel, stride and dilation of a convolution or a pooling, which may have one number for both sides."""
    kernel, stride, dilation = (
        (one, one) if isinstance(one, int) else tuple(one) for one in (leaf.kernel_size, leaf.stride, leaf.dilation)
    )
    return kernel, stride[0], dilation[0]


def _moved(outputs: Any) -> set[Any]:
    """The operations whose results reach the outputs by being moved only, and those movements."""
    waiting = [one.grad_fn for one in ([outputs] if hasattr(outputs, "grad_fn") else outputs)]
    found = set()
    while waiting:
        made = waiting.pop()
        found.add(made)
        if made is not None and made.name().removesuffix("0").removesuffix("Backward") in MOVES:
            waiting += [before for before, _ in made.next_functions]
    return found


def _widths(width: int, step: int) -> list[tuple[int, float]]:
    """Never straight through a step: first up to its edge, then between measured edges."""
    return _between(-(-width // step) * step, knots(step), power=1)


def knots(step: int) -> tuple[int, ...]:
    """The widths to measure where channels go up by `step`."""
    return tuple(width for width in NARROW if step <= width) + WIDTHS


def _between(value: int, knots: Sequence[int], power: int) -> list[tuple[int, float]]:
    """The knots beside `value` and their shares, linear in value ** power; beyond the ends the value itself."""
    place = bisect_left(knots, value)
    if place == len(knots) or place == 0 or knots[place] == value:
        return [(value, 1.0)]
    low, high = knots[place - 1], knots[place]
    share = (value**power - low**power) / (high**power - low**power)
    return [(low, 1 - share), (high, share)]
