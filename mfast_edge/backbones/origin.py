"""Whose weights a file holds: the backbone by its name, width and padding, and published ones put into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

Shapes = Mapping[str, Sequence[int]]
Backbone = Literal[
    "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet", "resnet18", "vgg16"
]
BACKBONES = get_args(Backbone)
INVERTED = ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet")  # padded as TensorFlow or torch does


@dataclass(frozen=True, slots=True)
class Origin:
    """A published file: a tensor that it has, so many rows of it at width 1, whether it was padded alike on both sides,
    and a tensor that only a deeper network has."""

    backbone: str
    tensor: str
    rows: int
    centred: bool = False
    deeper: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """A backbone of ours: a norm that no other one has, so many channels of it at width 1, its last norm. Norms tell
    it of decomposed networks too."""

    backbone: str
    norm: str
    channels: int
    last: str = ""


ORIGINS = (  # the first that fits: large MobileNets v3 have the small one's layers too
    Origin("mobilenet_v1", "backbone.conv0.weight", 32),
    Origin("mobilenet_v2", "Conv.weight", 32),
    Origin("mobilenet_v2", "features.17.conv.2.weight", 320, True),
    Origin("mobilenet_v3_large", "features.15.block.3.0.weight", 160, True),
    Origin("mobilenet_v3_small", "features.11.block.3.0.weight", 96, True),
    Origin("mnasnet", "layers.13.0.layers.6.weight", 320, True),
    Origin("resnet18", "layer4.1.conv2.weight", 512, False, "layer1.2.conv1.weight"),
    Origin("vgg16", "features.0.weight", 64),  # any VGG, of which load refuses others
)
OWN = (
    Own("mobilenet_v1", "block13.pointwise.norm", 1024),
    Own("mobilenet_v2", "upper.18.1", 1280),
    Own("mobilenet_v3_large", "lower.13_block_0.1", 672, "upper.16.1"),  # the last one may be half as wide
    Own("mobilenet_v3_small", "lower.9_block_0.1", 288, "upper.12.1"),
    Own("mnasnet", "upper.15", 1280),
    Own("extraction", "features.23.1", 1024),
    Own("darknet19", "groups.5.4.1", 1024),
    Own("vgg16", "features.41", 512),
    Own("mobilenet_v2", "steps.17.conv.3", 320),  # of pyramids
    Own("mobilenet_v3_large", "steps.15.block.3.1", 160),
    Own("mobilenet_v3_small", "steps.11.block.3.1", 96),
    Own("mnasnet", "steps.13.0.layers.7", 320),
    Own("resnet18", "steps.layer4.1.bn2", 512),
    Own("vgg16", "steps.41", 512),
)


def check_padding(padding: str, backbone: str) -> None:
    """ValueError where a padding is given to a backbone that knows only one: no setting does nothing."""
    if padding == "centred" and backbone not in INVERTED:
        raise ValueError(f"padding centred given for {backbone}; for {', '.join(INVERTED)} it would be right")


def origin(shapes: Shapes, known: Sequence[str] = BACKBONES) -> Origin | None:
    """The published file of a `known` backbone with tensors of these shapes; None: it is none of them."""
    found = next((one for one in ORIGINS if one.tensor in shapes and one.deeper not in shapes), None)
    return found if found and found.backbone in known else None


def held(network: nn.Module) -> str:
    """The name of the backbone in a network of ours."""
    found = own({name: tensor.shape for name, tensor in network.state_dict().items()})
    assert found
    return found[0].backbone


def own(shapes: Shapes) -> tuple[Own, str] | None:
    """The backbone in a network of ours, and what the network calls it: backbone, or by the backbone's name."""
    places = ((one, name) for one in OWN for name in ("backbone", one.backbone))
    return next(((one, name) for one, name in places if f"{name}.{one.norm}.bias" in shapes), None)


def infer(shapes: Shapes, known: Sequence[str] = BACKBONES) -> dict[str, Any]:
    """backbone, width and, where it is not TensorFlow's, padding of published weights or of a network of ours; nothing
    where the backbone is none of the `known` ones."""
    if found := origin(shapes, known):
        told = {"backbone": found.backbone, "width": shapes[found.tensor][0] / found.rows}
        return {**told, "padding": "centred"} if found.centred else told
    if (ours := own(shapes)) and ours[0].backbone in known:
        one, name = ours
        return {"backbone": one.backbone, "width": shapes[f"{name}.{one.norm}.bias"][0] / one.channels}
    return {}


def last(shapes: Shapes) -> int:
    """Channels of the last map of the backbone in a network of ours."""
    found = own(shapes)
    assert found
    one, name = found
    return shapes[f"{name}.{one.last or one.norm}.bias"][0]


def load(backbone: nn.Module, name: str, file: Path, tensors: Mapping[str, Tensor]) -> int:
    """Put a published file into the backbone called `name`; how many convolutions. UserError where it does not fit."""
    from mfast_edge.backbones import published

    found = origin({key: tensor.shape for key, tensor in tensors.items()})
    assert found
    if found.backbone != name:
        raise UserError(
            f"--init: {file} holds a {found.backbone}; model.backbone={found.backbone}, not {name}, would fit"
        )
    if found.tensor == "Conv.weight":
        return published.google(backbone, file, tensors)
    put = {"mobilenet_v1": published.separable, "vgg16": published.vgg}.get(name, published.classifier)
    return put(backbone, file, tensors)
