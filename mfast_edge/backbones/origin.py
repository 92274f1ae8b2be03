"""Published weights of every backbone: which one a file holds, at which width, and into a `pyramid` with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Origin:
    """A published file: a tensor that it has, so many rows of it at width 1, and one that only a deeper network has;
    `prefix` of torchvision's layers, None where they have no batch norms."""

    backbone: str
    tensor: str
    rows: int
    prefix: str | None = None
    deeper: str = ""


ORIGINS = (  # the first that fits: large MobileNets v3 have the small one's layers too
    Origin("mobilenet_v1", "backbone.conv0.weight", 32),
    Origin("mobilenet_v2", "Conv.weight", 32),
    Origin("mobilenet_v2", "features.17.conv.2.weight", 320, "features."),
    Origin("mobilenet_v3_large", "features.15.block.3.0.weight", 160, "features."),
    Origin("mobilenet_v3_small", "features.11.block.3.0.weight", 96, "features."),
    Origin("mnasnet", "layers.13.0.layers.6.weight", 320, "layers."),
    Origin("resnet18", "layer4.1.conv2.weight", 512, "", "layer1.2.conv1.weight"),
    Origin("vgg16", "features.40.weight", 512, "features.", "features.43.weight"),
    Origin("vgg16", "features.28.weight", 512, None, "features.30.weight"),
)
WIDEST = {  # of our own networks: a layer, and its rows at width 1
    "mobilenet_v1": ("block13.pointwise.conv.weight", 1024),
    **{
        one.backbone: (f"steps.{one.tensor.removeprefix(one.prefix)}", one.rows)
        for one in ORIGINS
        if one.prefix is not None
    },
}


def origin(shapes: Shapes) -> Origin | None:
    """The published file with tensors of these shapes; None: it is none of ours."""
    return next((one for one in ORIGINS if one.tensor in shapes and one.deeper not in shapes), None)


def infer(shapes: Shapes) -> dict[str, Any]:
    """backbone, width and padding that a published file was made with, or a network that calls its backbone so."""
    if found := origin(shapes):
        told = {"backbone": found.backbone, "width": shapes[found.tensor][0] / found.rows}
        centred = found.prefix is not None and found.backbone not in ("resnet18", "vgg16")
        return {**told, "padding": "centred"} if centred else told
    for name, (layer, rows) in WIDEST.items():
        if own := shapes.get(f"{name}.{layer}"):
            return {"backbone": name, "width": own[0] / rows}
    return {}


def load(backbone: nn.Module, name: str, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """Put a published file into the `pyramid` called `name`; how many convolutions. UserError where it does not fit."""
    from mfast_edge.backbones.published import IMAGENET, blocks, google, leaves, normalised, take

    found = origin({key: tensor.shape for key, tensor in tensors.items()})
    assert found
    if found.backbone != name:
        raise UserError(
            f"--init: {file} holds a {found.backbone}; model.backbone={found.backbone}, not {name}, would fit"
        )
    if found.prefix is None:
        return {"mobilenet_v1": separable, "mobilenet_v2": google, "vgg16": plain}[name](backbone, file, tensors)
    known = {leaf: path.removeprefix("steps.") for path, leaf in backbone.named_modules()}
    take(leaves(backbone), file, [found.prefix + known[leaf] for leaf in leaves(backbone)], tensors)
    normalised(blocks(backbone)[0], *IMAGENET)
    return len(blocks(backbone))


def separable(backbone: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """MobileNet v1 of any width at least as large, batch norms folded."""
    from mfast_edge.backbones.blocks import Block
    from mfast_edge.backbones.published import fold

    found = [(name, module) for name, module in backbone.named_modules() if isinstance(module, Block)]
    for name, block in found:
        fold((block.conv, block.norm), file, f"backbone.{name}", tensors)
    return len(found)


def plain(backbone: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """vgg16, which has no batch norms: those here add its biases."""
    from mfast_edge.backbones.published import IMAGENET, blocks, fold, normalised, ordered

    pairs = blocks(backbone)
    sources = [name for name in ordered(tensors, "features.") if tensors[f"{name}.weight"].ndim == 4]
    if len(sources) != len(pairs):
        raise UserError(f"--init: {file} holds {len(sources)} convolutions; the {len(pairs)} of vgg16 would be right")
    for pair, source in zip(pairs, sources, strict=True):
        fold(pair, file, source, tensors)
    normalised(pairs[0], *IMAGENET)
    return len(pairs)
