"""Weights for a YOLO9000: published backbones, or one's own; what their shapes tell of a build."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.models.ssd import mbv2, mbv3

if TYPE_CHECKING:
    from torch import Tensor, nn

Shapes = Mapping[str, Sequence[int]]
MNASNET = ("layers.0.weight", "backbone.lower.0.weight")
DARKNET = "backbone.groups.0.0.0.weight"
V1 = ("backbone.conv0.weight", "backbone.conv0.conv.weight")


def infer(shapes: Shapes) -> dict[str, Any]:
    """Backbone, width, padding, and of one's own weights kind and number of heads."""
    return {**backbone(shapes), **own(shapes)}


def backbone(shapes: Shapes) -> dict[str, Any]:
    """Whose first layers these are, and how wide they are; nothing where they are nobody's."""
    if DARKNET in shapes:
        return {"backbone": "darknet19", "width": shapes[DARKNET][0] / 32}
    if first := next((shapes[name] for name in V1 if name in shapes), None):
        return {"backbone": "mobilenet_v1", "width": first[0] / 32}
    for name in (name for name in MNASNET if name in shapes):
        found = {"backbone": "mnasnet", "width": shapes[name][0] / 32}
        return found | ({"padding": "centred"} if name == MNASNET[0] else {})
    if found := mbv3.guess(shapes):
        kept = {name: value for name, value in found.items() if name in ("width", "padding")}
        return {"backbone": f"mobilenet_v3_{found['variant']}", **kept}
    found = mbv2.guess(shapes)
    return {"backbone": "mobilenet_v2", **found} if found else {}


def own(shapes: Shapes) -> dict[str, Any]:
    """What a file of a whole detector tells of its heads."""
    objects = next((shapes[name] for name in shapes if re.fullmatch(r"head\.object(\.\d+)?\.bias", name)), None)
    if objects is None:
        return {}
    lite = any(name.startswith("before.0.depthwise.") for name in shapes)
    return {"heads": "lite" if lite else "full", "anchors": objects[0]}


def labels(shapes: Shapes) -> tuple[str, ...]:
    """A `?` for each logit of an anchor, for no file names its classes; () where there are no class heads."""
    found = own(shapes)
    kinds = [shapes[name][0] for name in shapes if re.fullmatch(r"head\.classify(\.\d+)?\.bias", name)]
    return ("?",) * (kinds[0] // found["anchors"]) if found and kinds else ()


def load(network: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` into a YOLO9000; one line on what was taken. UserError where they do not fit."""
    from mfast_edge.backbones.published import blocks, classifier, google
    from mfast_edge.models import own as whole

    body = network.get_submodule("backbone")
    if V1[0] in tensors:
        taken = folded(body, file, tensors)
    elif "Conv.weight" in tensors:
        taken = google(body, file, tensors)
    elif "features.0.0.weight" in tensors or MNASNET[0] in tensors:
        taken = classifier(body, file, tensors)
    else:
        return whole.own(network, file, tensors, ".classify.")
    return f"{file.name}: {taken} of {len(blocks(network))} convolutions"


def folded(body: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """The published MobileNet v1, whose batch norms are folded; how many convolutions."""
    from mfast_edge.backbones.blocks import Block
    from mfast_edge.backbones.published import fold

    found = {name: block for name, block in body.named_modules() if isinstance(block, Block)}
    for name, block in found.items():
        fold((block.conv, block.norm), file, f"backbone.{name}", tensors)
    return len(found)
