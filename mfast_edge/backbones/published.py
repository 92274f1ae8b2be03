"""Published weights in networks of ours: leading channels, folded batch norms, other ranges of pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor, nn

from mfast_edge.backbones.blocks import Block
from mfast_edge.errors import UserError

# What torchvision takes off and divides by, of RGB in 0..1.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
GOOGLE = ("expand", "depthwise", "project")  # the layers of a block; the first block has no expand
TORCHVISION = ("features.", "layers.")  # MnasNet's layers are called layers, ResNet's have no such prefix
Leaf = nn.Conv2d | nn.BatchNorm2d
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]


def leading(weight: Tensor, shape: torch.Size, where: str) -> Tensor:
    """The leading channels of a larger tensor; UserError where it is smaller."""
    if weight.shape[2:] != shape[2:] or any(have < want for have, want in zip(weight.shape, shape, strict=True)):
        raise UserError(
            f"--init: {where} has shape {tuple(weight.shape)}; {tuple(shape)} or more channels would fit "
            "(a smaller model.width takes leading channels)"
        )
    return weight[tuple(slice(size) for size in shape[:2])]


def fold(pair: Pair, file: Path, source: str, tensors: Mapping[str, Tensor]) -> None:
    """Leading channels into the convolution; the norm behind it made to add the bias and change nothing else."""
    conv, norm = pair
    weight, bias = tensors[f"{source}.weight"].float(), tensors[f"{source}.bias"].float()
    conv.weight.data.copy_(leading(weight, conv.weight.shape, f"{file}: {source}"))
    if conv.bias is not None:
        conv.bias.data.zero_()
    norm.running_mean.zero_()  # type: ignore[union-attr]
    norm.running_var.fill_(1)  # type: ignore[union-attr]
    norm.weight.data.fill_(sqrt(1 + norm.eps))
    norm.bias.data.copy_(bias[: len(norm.bias)])


def take(found: Iterable[Leaf], file: Path, sources: Sequence[str], tensors: Mapping[str, Tensor]) -> int:
    """Leading channels of the layers `sources` into leaves, in their order; how many. UserError: they do not fit."""
    count = 0
    for leaf, source in zip(found, sources, strict=False):
        for name, tensor in leaf.state_dict().items():
            if f"{source}.{name}" not in tensors and name != "num_batches_tracked":
                raise UserError(f"--init: {file} has no {source}.{name}; the published file of this network would fit")
            if tensor.ndim:
                given = tensors[f"{source}.{name}"].float()
                tensor.copy_(leading(given, tensor.shape, f"{file}: {source}.{name}"))
        count += 1
    return count


def google(backbone: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """mobilenet_v2_100_imagenet, whose batch norms are folded, into a MobileNet v2; how many convolutions."""
    count = sum(name.startswith("expanded_conv") and name.endswith("project.weight") for name in tensors)
    numbered = [f"expanded_conv{f'_{number}' if number else ''}" for number in range(count)]
    inner = [f"{block}.{part}" for block in numbered for part in GOOGLE if f"{block}.{part}.weight" in tensors]
    pairs = list(zip(blocks(backbone), ["Conv", *inner, "Conv_1"], strict=False))
    for pair, name in pairs:
        fold(pair, file, name, tensors)
    return len(pairs)


def classifier(backbone: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """torchvision's ImageNet weights, norms too, into the same network; how many convolutions with a norm."""
    prefix = next((one for one in TORCHVISION if any(name.startswith(one) for name in tensors)), "")
    paths = {leaf: path for path, leaf in backbone.named_modules()}
    sources = [prefix + paths[leaf].partition(".")[2].replace("_", ".") for leaf in leaves(backbone)]
    take(leaves(backbone), file, sources, tensors)
    normalised(blocks(backbone)[0], *IMAGENET)
    return len(blocks(backbone))


def separable(backbone: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """MobileNet v1 of any width at least as large, batch norms folded; how many convolutions."""
    found = [(name, module) for name, module in backbone.named_modules() if isinstance(module, Block)]
    for name, block in found:
        fold((block.conv, block.norm), file, f"backbone.{name}", tensors)
    return len(found)


def vgg(backbone: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """vgg16 or vgg16_bn without the classifier; how many convolutions. UserError: the file has another number."""
    pairs = blocks(backbone)
    fill(pairs, file, convolutions(tensors), tensors)
    normalised(pairs[0], *IMAGENET)
    return len(pairs)


def convolutions(tensors: Mapping[str, Tensor]) -> list[str]:
    """A VGG's convolutions, in their order."""
    return [name for name in ordered(tensors, "features.") if tensors[f"{name}.weight"].ndim == 4]


def fill(pairs: Sequence[Pair], file: Path, sources: Sequence[str], tensors: Mapping[str, Tensor]) -> None:
    """The layers `sources` of a VGG, in their order. UserError: they are not as many."""
    enough(file, len(sources), len(pairs))
    for source, pair in zip(sources, pairs, strict=True):
        follow(pair, file, source, tensors)


def enough(file: Path, have: int, want: int, whose: str = "torchvision's file") -> None:
    """UserError where a file holds another number of convolutions than are wanted, as many as `whose`."""
    if have != want:
        raise UserError(f"--init: {file} holds {have} convolutions; the {want} of {whose} would be right")


def follow(pair: Pair, file: Path, source: str, tensors: Mapping[str, Tensor]) -> None:
    """Leading channels into a convolution, and the norm that follows it in the file, else one that adds the bias."""
    conv, norm = pair
    bias = tensors[f"{source}.bias"].float()
    fold(pair, file, source, {**tensors, f"{source}.weight": centre(tensors[f"{source}.weight"], conv)})
    stem, _, number = source.rpartition(".")
    following = f"{stem}.{int(number) + 1}" if number.isdigit() else ""
    if f"{following}.running_mean" in tensors:
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).data.copy_(tensors[f"{following}.{name}"][: norm.num_features])
        norm.running_mean.sub_(bias[: norm.num_features])  # type: ignore[union-attr]


def centre(weight: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 3x3 kernel's centre where the map has one cell."""
    return weight[:, :, 1:2, 1:2] if conv.kernel_size == (1, 1) and weight.shape[2:] == (3, 3) else weight


def leaves(network: nn.Module) -> list[Leaf]:
    """Convolutions and batch norms, in the order of the forward."""
    return [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.BatchNorm2d)]


def blocks(network: nn.Module) -> list[Pair]:
    """Every convolution that a batch norm follows, with that norm, in the order of the forward."""
    found = leaves(network)
    return [
        (conv, norm)
        for conv, norm in pairwise(found)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    ]


def ordered(tensors: Iterable[str], prefix: str) -> list[str]:
    """The layers under a prefix by their numbers: a file may hold them in any order."""
    names = [name.removesuffix(".weight") for name in tensors if name.startswith(prefix) and name.endswith(".weight")]
    return sorted(
        names, key=lambda name: [(int(part), "") if part.isdigit() else (0, part) for part in name.split(".")]
    )


def normalised(pair: Pair, mean: Sequence[float], std: Sequence[float]) -> None:
    """Make a first block that wants (x / 255 - mean) / std take (x - 128) / 128, as all our graphs give it.

    The same function but for the image's rim, where the padding now stands for grey and not for the mean.
    """
    conv, norm = pair
    gain = 128 / 255 / torch.tensor(std)
    shift = (128 / 255 - torch.tensor(mean)) / torch.tensor(std)
    moved = (conv.weight.data.sum((2, 3)) * shift).sum(1)
    norm.running_mean.sub_(moved)  # type: ignore[union-attr]
    conv.weight.data.mul_(gain[:, None, None])
