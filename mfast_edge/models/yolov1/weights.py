"""Weights for a YOLOv1: published backbones, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mfast_edge.backbones.blocks import Block
from mfast_edge.backbones.published import IMAGENET, blocks, classifier, fold, google, normalised, ordered
from mfast_edge.errors import UserError
from mfast_edge.models.own import own
from mfast_edge.models.ssd.vgg_weights import enough, fill
from mfast_edge.models.yolov1.labels import foreign, kind
from mfast_edge.models.yolov1.network import YOLO


def load(network: YOLO, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` into a YOLOv1; one line on what was taken. UserError where they do not fit."""
    theirs = foreign({name: tensor.shape for name, tensor in tensors.items()})
    if theirs is None or "hidden.bias" in tensors:
        return own(network, file, tensors, "classify.")
    ours = kind({name: tensor.shape for name, tensor in network.state_dict().items()})
    if theirs != ours:
        raise UserError(f"--init: {file} is a {theirs} and model.backbone is {ours}; the same would be right")
    if theirs == "mobilenet_v1":
        taken = folded(network, file, tensors)
    elif theirs == "vgg16":
        taken = convolutions(network, file, tensors)
    else:
        taken = (google if "Conv.weight" in tensors else classifier)(network.backbone, file, tensors)
    return f"{file.name}: {taken} of {len(blocks(network.backbone))} convolutions of the backbone"


def folded(network: YOLO, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """mobilenet_v1, whose batch norms are folded; how many convolutions."""
    found = [(name, one) for name, one in network.named_modules() if isinstance(one, Block)]
    for name, block in found:
        fold((block.conv, block.norm), file, name, tensors)
    return len(found)


def convolutions(network: YOLO, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """torchvision's vgg16 or vgg16_bn without its classifier; how many convolutions."""
    pairs = blocks(network.backbone)
    names = [name for name in ordered(tensors, "features.") if tensors[f"{name}.weight"].ndim == 4]
    enough(file, len(names), len(pairs))
    for name, pair in zip(names, pairs, strict=True):
        fill(pair, file, name, tensors)
    normalised(pairs[0], *IMAGENET)
    return len(pairs)
