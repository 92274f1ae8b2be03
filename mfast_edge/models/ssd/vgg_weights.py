"""Weights for an SSD on VGG16: torchvision's vgg16, vgg16_bn and ssd300_vgg16_coco, or one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor, nn

from mfast_edge.backbones.published import (
    IMAGENET,
    blocks,
    centre,
    convolutions,
    enough,
    fill,
    leading,
    normalised,
    ordered,
)
from mfast_edge.errors import UserError
from mfast_edge.models.own import own
from mfast_edge.models.ssd.labels import TORCHVISION
from mfast_edge.models.ssd.network import SSD, Head
from mfast_edge.models.ssd.weights import CLASSES

# What torchvision's SSD takes off and divides by, of RGB in 0..1: VGG's old scale of 0..255.
SSD300 = ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255))
SCORES = "head.classification_head.module_list"
BOXES = "head.regression_head.module_list"


def load(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` into an SSD; one line on what was taken. UserError where they do not fit."""
    if TORCHVISION in tensors:
        return detector(network, file, tensors)
    if "features.0.weight" in tensors:
        return backbone(network, file, tensors)
    return own(network, file, tensors, CLASSES)


def backbone(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """vgg16 or vgg16_bn: 13 convolutions, with norms if the file has them, and the classifier as fc6 and fc7."""
    pairs, names = blocks(network), convolutions(tensors)
    enough(file, len(names), 13)
    given = dict(tensors)
    for source, name in (("classifier.0", "fc6"), ("classifier.3", "fc7")):
        if f"{source}.weight" in tensors:
            given[f"{name}.weight"] = sampled(tensors[f"{source}.weight"])
            given[f"{name}.bias"] = tensors[f"{source}.bias"][::4]
            names.append(name)
    names = names[: len(pairs)]
    fill(pairs[: len(names)], file, names, given)
    normalised(pairs[0], *IMAGENET)
    return f"{file.name}: {len(names)} of {len(pairs)} convolutions"


def sampled(weight: Tensor) -> Tensor:
    """A layer of the classifier as a convolution: every fourth channel, every third of 7x7 cells (Liu 2016)."""
    if weight.shape[1] == 512 * 7 * 7:
        return weight.reshape(-1, 512, 7, 7)[::4, :, ::3, ::3]
    return weight[::4, ::4, None, None]


def detector(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """ssd300_vgg16_coco: all convolutions, the scale of conv4_3, box heads, class heads of as many classes."""
    pairs = blocks(network)
    names = [*ordered(tensors, "backbone.features."), *ordered(tensors, "backbone.extra.")]
    fill(pairs, file, names, tensors)
    normalised(pairs[0], *SSD300)
    scale = network.get_parameter("backbone.norm.scale.weight")
    scale.data.copy_(leading(tensors[TORCHVISION].float().reshape(-1, 1, 1, 1), scale.shape, f"{file}: {TORCHVISION}"))
    taken = [
        head(module, (f"{BOXES}.{level}", f"{SCORES}.{level}"), file, tensors)
        for level, module in network.heads.items()
    ]
    said = "class heads" if all(taken) else "class heads start anew"
    return f"{file.name}: {len(names)} of {len(pairs)} convolutions, box heads, {said}"


def head(module: nn.Module, sources: tuple[str, str], file: Path, tensors: Mapping[str, Tensor]) -> bool:
    """The box head, x y w h there as y x h w here; the class head if the classes are as many.

    A softmax over background and classes becomes each class against the background.
    """
    assert isinstance(module, Head)
    boxes, scores = sources
    put(module.box, file, boxes, tensors, lambda rows: rows.reshape(-1, 4, *rows.shape[1:])[:, [1, 0, 3, 2]])
    kinds = len(tensors[f"{scores}.bias"]) * 4 // module.box.out_channels
    if kinds != module.classes + 1:
        return False
    put(module.classify, file, scores, tensors, lambda rows: against(rows.reshape(-1, kinds, *rows.shape[1:])))
    return True


def against(rows: Tensor) -> Tensor:
    """(anchors, 1 + classes, …) as each class less the background, which comes first."""
    return rows[:, 1:] - rows[:, :1]


def put(
    layer: nn.Conv2d, file: Path, source: str, tensors: Mapping[str, Tensor], change: Callable[[Tensor], Tensor]
) -> None:
    """A head's convolution: `change` of (outputs, …) to (anchors, outputs of an anchor, …), the leading inputs."""
    weight, bias = tensors[f"{source}.weight"].float(), tensors[f"{source}.bias"].float()
    rows = change(centre(weight, layer)).flatten(0, 1)
    if rows.shape[0] != layer.out_channels:
        raise UserError(f"--init: {file}: {source} gives {rows.shape[0]} outputs; {layer.out_channels} would fit")
    layer.weight.data.copy_(leading(rows, layer.weight.shape, f"{file}: {source}"))
    layer.bias.data.copy_(change(bias).flatten())  # type: ignore[union-attr]
