"""Every torch function that a network calls, named by the module it is called in: `backbone.conv0/relu6`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from mfast_edge.errors import Unfinished

WEIGHTED = (F.conv2d, F.linear)
Meet = Callable[[str, Any, tuple[Any, ...], dict[str, Any]], Any]


class Calls(TorchFunctionMode):
    """Inside, each call becomes `meet(place, function, arguments, keywords)`, whose result stands for it.

    A place is module path/function name, and _1, _2 … for later calls of the same name in the same module: it
    does not depend on what other modules do, nor on whether the network trains.
    """

    def __init__(self, network: nn.Module, meet: Meet):
        super().__init__()
        self.paths = {module: name for name, module in network.named_modules()}
        self.scopes, self.counts, self.meet = [""], Counter[str](), meet

    def __enter__(self) -> Calls:
        self.handles = (
            hooks.register_module_forward_pre_hook(lambda module, _: self.scopes.append(self.paths[module])),
            hooks.register_module_forward_hook(lambda *_: self.leave(), always_call=True),
        )
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, wrong, trace)  # type: ignore[no-untyped-call]
        for handle in self.handles:
            handle.remove()

    def leave(self) -> None:
        """A module is done."""
        self.scopes.pop()

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        place = f"{self.scopes[-1]}/{getattr(func, '__name__', '')}"
        number = self.counts[place]
        self.counts[place] += 1
        return self.meet(f"{place}_{number}" if number else place, func, args, kwargs or {})


@dataclass(frozen=True, slots=True)
class Trace:
    """What one image went through: tensors by place in order, which of them come before any weight.

    norms: path of a weighted layer → path of the batch norm that takes its output.
    """

    tensors: Mapping[str, Tensor]
    early: frozenset[str]
    weighted: tuple[str, ...]
    norms: Mapping[str, str]


@torch.no_grad()
def trace(network: nn.Module, image: Tensor) -> Trace:
    """The calls of `network`, in eval mode, on an image (1, 3, H, W)."""
    tensors: dict[str, Tensor] = {}
    early, weighted, norms, made = set[str](), list[str](), dict[str, str](), dict[int, str]()

    def meet(place: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out, scope = func(*args, **kwargs), place.rpartition("/")[0]
        if func in WEIGHTED:
            weighted.append(scope)
            made[id(out)] = scope
        if func is F.batch_norm and id(args[0]) in made:
            norms[made[id(args[0])]] = scope
        if isinstance(out, Tensor) and out.is_floating_point():
            tensors[place] = out.clone()  # the next call may work in place
            if not weighted:
                early.add(place)
        return out

    with Calls(network, meet):
        network(image)
    folded = {place for place in tensors if place.rpartition("/")[0] in norms}  # no such tensor in the graph
    kept = {place: tensor for place, tensor in tensors.items() if place not in folded}
    return Trace(kept, frozenset(early), tuple(weighted), norms)


def places(traced: Trace, graph: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Tensor of the exported graph → the place that makes it, found by its values on the traced image.

    Names would be a guess; equal values are the thing itself. Unfinished where nothing comes close.
    """
    found = {}
    for name, right in graph.items():
        alike = {place: t for place, t in traced.tensors.items() if tuple(t.shape) == right.shape}
        apart = {place: float((t.cpu() - torch.from_numpy(right)).abs().max()) for place, t in alike.items()}
        nearest = min(apart, key=lambda place: apart[place], default=None)
        if nearest is None or apart[nearest] > 1e-3 * max(1.0, float(np.abs(right).max())):
            raise Unfinished(f"qat: nothing in the network makes {name} of its graph; take qat out of the plan")
        found[name] = nearest
    return found


def layers(traced: Trace, nodes: Sequence[str]) -> tuple[str, ...]:
    """The weighted layers that `nodes` of the graph, called path/Operator, are. Unfinished: there is none."""
    paths = tuple(name.rpartition("/")[0] for name in nodes)
    strange = set(paths) - set(traced.weighted)
    if strange:
        raise Unfinished(f"qat: {sorted(strange)[0]} is no convolution or linear layer; take qat out of the plan")
    return paths
