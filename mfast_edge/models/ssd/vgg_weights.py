"""Weights for an SSD on VGG16: torchvision's vgg16, vgg16_bn and ssd300_vgg16_coco, or one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor, nn

from mfast_edge.errors import UserError
from mfast_edge.models.ssd.labels import TORCHVISION
from mfast_edge.models.ssd.network import SSD, Head
from mfast_edge.models.ssd.weights import leading, own

# What torchvision takes off and divides by, of RGB in 0..1; its SSD keeps VGG's old scale of 0..255.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SSD300 = ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255))
SCORES = "head.classification_head.module_list"
BOXES = "head.regression_head.module_list"


def load(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` into an SSD; one line on what was taken. UserError where they do not fit."""
    if TORCHVISION in tensors:
        return detector(network, file, tensors)
    if "features.0.weight" in tensors:
        return backbone(network, file, tensors)
    return own(network, file, tensors)


def backbone(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """vgg16 or vgg16_bn: 13 convolutions, with norms if the file has them, and the classifier as fc6 and fc7."""
    pairs = blocks(network)
    convolutions = [name for name in ordered(tensors, "features.") if tensors[f"{name}.weight"].ndim == 4]
    enough(file, len(convolutions), 13)
    given = dict(tensors)
    for source, name in (("classifier.0", "fc6"), ("classifier.3", "fc7")):
        if f"{source}.weight" in tensors:
            given[f"{name}.weight"] = sampled(tensors[f"{source}.weight"])
            given[f"{name}.bias"] = tensors[f"{source}.bias"][::4]
            convolutions.append(name)
    for name, pair in zip(convolutions, pairs, strict=False):
        fill(pair, file, name, given)
    normalised(pairs[0], *IMAGENET)
    return f"{file.name}: {len(convolutions)} of {len(pairs)} convolutions"


def sampled(weight: Tensor) -> Tensor:
    """A layer of the classifier as a convolution: every fourth channel, every third of 7x7 cells (Liu 2016)."""
    if weight.shape[1] == 512 * 7 * 7:
        return weight.reshape(-1, 512, 7, 7)[::4, :, ::3, ::3]
    return weight[::4, ::4, None, None]


def detector(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """ssd300_vgg16_coco: all convolutions, the scale of conv4_3, box heads, class heads of as many classes."""
    pairs = blocks(network)
    names = [*ordered(tensors, "backbone.features."), *ordered(tensors, "backbone.extra.")]
    enough(file, len(names), len(pairs))
    for name, pair in zip(names, pairs, strict=True):
        fill(pair, file, name, tensors)
    normalised(pairs[0], *SSD300)
    scale = network.get_parameter("backbone.norm.scale.weight")
    scale.data.copy_(leading(tensors[TORCHVISION].float().reshape(-1, 1, 1, 1), scale.shape, f"{file}: {TORCHVISION}"))
    taken = [head(module, int(level), file, tensors) for level, module in network.heads.items()]
    said = "class heads" if all(taken) else "class heads start anew"
    return f"{file.name}: {len(names)} of {len(pairs)} convolutions, box heads, {said}"


def blocks(network: SSD) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Every convolution that a batch norm follows, with that norm, in the order of the forward."""
    leaves = [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.BatchNorm2d)]
    return [
        (conv, norm)
        for conv, norm in pairwise(leaves)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    ]


def ordered(tensors: Mapping[str, Tensor], prefix: str) -> list[str]:
    """The layers under a prefix by their numbers: a file may hold them in any order."""
    names = [name.removesuffix(".weight") for name in tensors if name.startswith(prefix) and name.endswith(".weight")]
    return sorted(names, key=lambda name: [int(part) for part in name.removeprefix(prefix).split(".")])


def enough(file: Path, have: int, want: int) -> None:
    """UserError where a file holds another number of convolutions."""
    if have != want:
        raise UserError(f"--init: {file} holds {have} convolutions; the {want} of torchvision's file would be right")


def fill(pair: tuple[nn.Conv2d, nn.BatchNorm2d], file: Path, source: str, tensors: Mapping[str, Tensor]) -> None:
    """Leading channels into a convolution, and the norm that follows it in the file, else one that adds the bias."""
    conv, norm = pair
    weight, bias = tensors[f"{source}.weight"].float(), tensors[f"{source}.bias"].float()
    conv.weight.data.copy_(leading(centre(weight, conv), conv.weight.shape, f"{file}: {source}"))
    stem, _, number = source.rpartition(".")
    following = f"{stem}.{int(number) + 1}" if number.isdigit() else ""
    if conv.bias is not None:
        conv.bias.data.zero_()
    norm.running_mean.zero_()  # type: ignore[union-attr]
    norm.running_var.fill_(1)  # type: ignore[union-attr]
    norm.weight.data.fill_(sqrt(1 + norm.eps))
    norm.bias.data.copy_(bias[: len(norm.bias)])
    if f"{following}.running_mean" in tensors:
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).data.copy_(tensors[f"{following}.{name}"][: norm.num_features])
        norm.running_mean.sub_(bias[: norm.num_features])  # type: ignore[union-attr]


def centre(weight: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 3x3 kernel's centre where the map has one cell."""
    return weight[:, :, 1:2, 1:2] if conv.kernel_size == (1, 1) and weight.shape[2:] == (3, 3) else weight


def normalised(pair: tuple[nn.Conv2d, nn.BatchNorm2d], mean: Sequence[float], std: Sequence[float]) -> None:
    """Make a first block that wants (x / 255 - mean) / std take (x - 128) / 128, as all our graphs give it.

    The same function but for the image's rim, where the padding now stands for grey and not for the mean.
    """
    conv, norm = pair
    gain = 128 / 255 / torch.tensor(std)
    shift = (128 / 255 - torch.tensor(mean)) / torch.tensor(std)
    moved = (conv.weight.data.sum((2, 3)) * shift).sum(1)
    norm.running_mean.sub_(moved)  # type: ignore[union-attr]
    conv.weight.data.mul_(gain[:, None, None])


def head(module: nn.Module, level: int, file: Path, tensors: Mapping[str, Tensor]) -> bool:
    """The box head, x y w h there as y x h w here; the class head if the classes are as many.

    A softmax over background and classes becomes each class against the background.
    """
    assert isinstance(module, Head)
    anchors = module.box.out_channels // 4
    put(module.box, file, f"{BOXES}.{level}", tensors, lambda rows: rows[:, [1, 0, 3, 2]])
    rows = tensors[f"{SCORES}.{level}.bias"].reshape(anchors, -1)
    if rows.shape[1] != module.classes + 1:
        return False
    put(module.classify, file, f"{SCORES}.{level}", tensors, lambda rows: rows[:, 1:] - rows[:, :1])
    return True


def put(
    layer: nn.Conv2d, file: Path, source: str, tensors: Mapping[str, Tensor], change: Callable[[Tensor], Tensor]
) -> None:
    """A head's convolution: `change` over (anchors, outputs of an anchor, …), the leading ones of its inputs."""
    weight, bias = tensors[f"{source}.weight"].float(), tensors[f"{source}.bias"].float()
    per = len(bias) * 4 // len(tensors[f"{BOXES}.{source.rpartition('.')[2]}.bias"])
    kernels = centre(weight, layer)
    rows = change(kernels.reshape(-1, per, *kernels.shape[1:])).flatten(0, 1)
    if rows.shape[0] != layer.out_channels:
        raise UserError(f"--init: {file}: {source} gives {rows.shape[0]} outputs; {layer.out_channels} would fit")
    layer.weight.data.copy_(leading(rows, layer.weight.shape, f"{file}: {source}"))
    layer.bias.data.copy_(change(bias.reshape(-1, per)).flatten())  # type: ignore[union-attr]
