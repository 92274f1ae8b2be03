"""Weights for an SSDLite: Google's MobileNet v2, torchvision's classifiers and SSDLite320, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mfast_edge.backbones.published import blocks, classifier, google, leaves, normalised, ordered, take
from mfast_edge.errors import UserError
from mfast_edge.models.own import own
from mfast_edge.models.ssd.labels import DEPTHWISE
from mfast_edge.models.ssd.network import SSD, LiteHead
from mfast_edge.models.ssd.vgg_weights import BOXES, SCORES, head
from mfast_edge.models.ssd.weights import CLASSES

SSDLITE = ((0.5,) * 3, (0.5,) * 3)  # what torchvision's SSDLite takes off and divides by, of RGB in 0..1


def load(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` into an SSD; one line on what was taken. UserError where they do not fit."""
    if DEPTHWISE in tensors:
        return detector(network, file, tensors)
    if "Conv.weight" in tensors:
        taken = google(network.backbone, file, tensors)
    elif "features.0.0.weight" in tensors:
        taken = classifier(network.backbone, file, tensors)
    else:
        return own(network, file, tensors, CLASSES)
    return f"{file.name}: {taken} of {len(blocks(network))} convolutions"


def detector(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """ssdlite320_mobilenet_v3_large_coco: all layers, class heads of as many classes."""
    take(leaves(network.backbone), file, ordered(tensors, "backbone.features."), tensors)
    take(leaves(network.extras), file, ordered(tensors, "backbone.extra."), tensors)
    normalised(blocks(network.backbone)[0], *SSDLITE)
    taken = [lite(module, level, file, tensors) for level, module in network.heads.items()]
    said = "class heads" if all(taken) else "class heads start anew"
    return f"{file.name}: all layers below the heads, box heads, {said}"


def lite(module: object, level: str, file: Path, tensors: Mapping[str, Tensor]) -> bool:
    """A head with its depthwise blocks. UserError where the network's heads have none."""
    if not isinstance(module, LiteHead):
        raise UserError(f"--init: {file} has depthwise heads and model.heads is full; lite would be right")
    boxes, scores = f"{BOXES}.{level}", f"{SCORES}.{level}"
    take(leaves(module.before_box), file, [f"{boxes}.0.0", f"{boxes}.0.1"], tensors)
    if not head(module, (f"{boxes}.1", f"{scores}.1"), file, tensors):
        return False
    take(leaves(module.before_classify), file, [f"{scores}.0.0", f"{scores}.0.1"], tensors)
    return True
