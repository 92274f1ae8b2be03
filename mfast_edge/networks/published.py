"""Published weights in networks in YAML that have the same convolutions in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mfast_edge.backbones import origin
from mfast_edge.backbones.origin import Origin
from mfast_edge.backbones.published import GOOGLE, IMAGENET, blocks, enough, fold, leaves, normalised, ordered, take
from mfast_edge.errors import UserError

LAYERED = {"mobilenet_v2": "features.", "mobilenet_v3_large": "features.", "mobilenet_v3_small": "features."}
LAYERED |= {"mnasnet": "layers."}  # what torchvision's files call the layers below the classifier's
MINE = "this network"
NARROW = {"mobilenet_v3_large": 1e-3, "mobilenet_v3_small": 1e-3}  # eps of its norms, where it is not torch's


def put(network: nn.Module, file: Path, tensors: Mapping[str, Tensor], head: nn.Module | None = None) -> str | None:
    """Put a published file into all convolutions of a network but its `head`; one line on what was taken. None: the
    file is no published one. UserError: it does not fit."""
    theirs = origin.origin({name: tensor.shape for name, tensor in tensors.items()})
    if theirs is None:
        return None
    if theirs.backbone == "mobilenet_v1":
        taken = folded(network, file, separable(tensors), tensors)
    elif theirs.tensor == "Conv.weight":
        taken = folded(network, file, google(tensors), tensors)
    else:
        mine = [leaf for leaf in leaves(network) if leaf is not head]
        taken = layered(network, mine, (theirs, file), tensors)
    return f"{file.name}: {taken} convolutions of {theirs.backbone}"


def folded(network: nn.Module, file: Path, sources: Sequence[str], tensors: Mapping[str, Tensor]) -> int:
    """Convolutions whose norms were folded, in their order; how many."""
    pairs = blocks(network)
    enough(file, len(sources), len(pairs), MINE)
    for pair, source in zip(pairs, sources, strict=True):
        fold(pair, file, source, tensors)
    return len(pairs)


def separable(tensors: Mapping[str, Tensor]) -> list[str]:
    """The convolutions of a MobileNet v1 file, in their order."""
    count = sum(name.startswith("backbone.block") and name.endswith("pointwise.weight") for name in tensors)
    parts = ("depthwise", "pointwise")
    return ["backbone.conv0", *(f"backbone.block{n}.{part}" for n in range(1, count + 1) for part in parts)]


def google(tensors: Mapping[str, Tensor]) -> list[str]:
    """The convolutions of Google's MobileNet v2, in their order."""
    count = sum(name.startswith("expanded_conv") and name.endswith("project.weight") for name in tensors)
    names = [f"expanded_conv{f'_{number}' if number else ''}" for number in range(count)]
    inner = [f"{name}.{part}" for name in names for part in GOOGLE if f"{name}.{part}.weight" in tensors]
    return ["Conv", *inner, "Conv_1"]


def layered(network: nn.Module, mine: Sequence[Any], about: tuple[Origin, Path], tensors: Mapping[str, Tensor]) -> int:
    """torchvision's layers, norms too, in their order into `mine`; how many convolutions with a norm."""
    theirs, file = about
    if theirs.backbone not in LAYERED:
        known = ", ".join(["mobilenet_v1", *LAYERED])
        raise UserError(f"--init: {file} holds a {theirs.backbone}; one of {known} would be right")
    sources = ordered(tensors, LAYERED[theirs.backbone])
    there = sum(tensors[f"{source}.weight"].ndim == 4 for source in sources)
    enough(file, there, sum(isinstance(leaf, nn.Conv2d) for leaf in mine), MINE)
    take(mine, file, sources, tensors)
    widen(mine, NARROW.get(theirs.backbone, 1e-5))
    normalised(blocks(network)[0], *IMAGENET)
    return len(blocks(network))


def widen(found: Sequence[nn.Module], eps: float) -> None:
    """Norms that were trained with another `eps` compute what they did: their variance takes up the difference."""
    for norm in found:
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_var is not None
            norm.running_var.add_(eps - norm.eps)
