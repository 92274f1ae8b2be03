"""Every backbone as maps at strides 4 to 32; published weights give what torchvision's network gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import (
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
    resnet18,
    resnet34,
)
from torchvision.models.mnasnet import mnasnet1_0
from torchvision.models.vgg import cfgs, make_layers

from mfast_edge.backbones.origin import BACKBONES, INVERTED, Backbone, infer, load, origin
from mfast_edge.backbones.published import IMAGENET, blocks
from mfast_edge.backbones.pyramid import pyramid
from mfast_edge.backbones.weights import tensors
from mfast_edge.errors import UserError
from mfast_edge.models.centernet import build
from tests.backbones.test_inverted import lively


def vgg(layers: str, norms: bool) -> nn.Module:
    """torchvision's vgg16 (D) or vgg19 (E) without the classifier, most of its weights."""
    return nn.ModuleDict({"features": make_layers(cfgs[layers], batch_norm=norms)})


PEERS: dict[str, Any] = {
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "mobilenet_v3_small": mobilenet_v3_small,
    "mnasnet": mnasnet1_0,
    "resnet18": resnet18,
    "vgg16": lambda num_classes: vgg("D", True),
}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("padding", ["same", "centred"])
def test_maps_are_as_many_channels_and_cells_as_told(name: Any, padding: Any) -> None:
    for size in (96, 97, 110):
        network = pyramid(name, size, 0.25, padding).eval()
        with torch.no_grad():
            found = network(torch.zeros(1, 3, size, size))
        strides = (4, 8, 16) if name == "vgg16" else (4, 8, 16, 32)
        assert [x.shape[1] for x in found] == network.channels
        assert [x.shape[2] for x in found] == network.sides == [-(-size // stride) for stride in strides]


def test_a_build_names_every_backbone() -> None:
    assert Backbone == build.Build.model_fields["backbone"].annotation
    assert set(INVERTED) < set(BACKBONES)
    for name in BACKBONES:
        assert build.Build(classes=("a",), backbone=name).backbone == name


def layers(peer: nn.Module) -> nn.Sequential:
    """What torchvision calls one after the other."""
    found = (
        getattr(peer, "features", None) or getattr(peer, "layers", None) or nn.Sequential(*list(peer.children())[:-2])
    )
    assert isinstance(found, nn.Sequential)
    return found


def same_function(network: nn.Module, peer: nn.Sequential, stem: int, inner: int) -> None:
    """The first `stem` layers but for the image's rim, where ours pads with grey, and all behind: of ours `inner`
    make the stem."""
    mean, std = (torch.tensor(one)[:, None, None] for one in IMAGENET)
    image, steps = torch.rand(1, 3, 96, 96) * 255, network.steps
    assert isinstance(steps, nn.Sequential)
    with torch.no_grad():
        first = peer[:stem]((image / 255 - mean) / std)
        found = steps[:inner]((image - 128) / 128)
        torch.testing.assert_close(found[..., 2:-2, 2:-2], first[..., 2:-2, 2:-2], atol=2e-3, rtol=2e-3)
        deeper = steps[inner:](first)
        torch.testing.assert_close(deeper, peer[stem : stem + len(steps) - inner](first), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("name", PEERS)
def test_torchvision_s_files_give_what_torchvision_gives(name: Any) -> None:
    peer = PEERS[name](num_classes=2)
    given = dict(lively(peer).state_dict())
    told = infer({key: tensor.shape for key, tensor in given.items()})
    assert (told["backbone"], told["width"]) == (name, 1.0)
    assert told.get("padding", "centred") == "centred"
    network = pyramid(name, 96, 1.0, "centred").eval()
    assert load(network, name, Path("peer.pth"), given) == len(blocks(network))
    stem = 1 if name.startswith("mobilenet") else 3
    same_function(network, layers(peer), stem, stem)


def test_vgg16_without_norms_gives_what_torchvision_gives() -> None:
    peer = vgg("D", False)
    given = dict(lively(peer).state_dict())
    assert infer({key: tensor.shape for key, tensor in given.items()}) == {"backbone": "vgg16", "width": 1.0}
    network = pyramid("vgg16", 96, 1.0, "same").eval()
    assert load(network, "vgg16", Path("vgg16.pth"), given) == 13
    bare = layers(peer)
    mean, std = (torch.tensor(one)[:, None, None] for one in IMAGENET)
    image = torch.rand(1, 3, 96, 96) * 255
    with torch.no_grad():
        first = bare[:2]((image / 255 - mean) / std)
        found = network.steps[:3]((image - 128) / 128)  # type: ignore[union-attr]
        torch.testing.assert_close(found[..., 1:-1, 1:-1], first[..., 1:-1, 1:-1], atol=2e-3, rtol=2e-3)
        wanted, ours = bare[2:30](first), network.steps[3:](first)  # type: ignore[union-attr]
        torch.testing.assert_close(ours, wanted, atol=2e-3 * float(wanted.abs().max()), rtol=2e-3)


def test_a_deeper_network_s_file_is_not_taken_for_one_of_ours() -> None:
    shapes = {key: tensor.shape for key, tensor in resnet34(num_classes=2).state_dict().items()}
    assert origin(shapes) is None
    assert infer(shapes) == {}


@pytest.mark.parametrize("norms", [False, True])
def test_a_deeper_vgg_s_file_is_refused(norms: bool) -> None:
    with pytest.raises(UserError, match="holds 16 convolutions; the 13 of torchvision's file would be right"):
        load(pyramid("vgg16", 96, 0.25, "same"), "vgg16", Path("vgg19.pth"), dict(vgg("E", norms).state_dict()))


def test_a_backbone_that_a_model_does_not_know_tells_nothing() -> None:
    shapes = {key: tensor.shape for key, tensor in resnet18(num_classes=2).state_dict().items()}
    assert infer(shapes) == {"backbone": "resnet18", "width": 1.0}
    assert infer(shapes, ("vgg16",)) == {}
    assert origin(shapes, ("vgg16",)) is None


@pytest.mark.parametrize("name", BACKBONES)
def test_our_own_weights_tell_backbone_and_width(name: Any) -> None:
    for width in (0.25, 0.5, 0.75):
        network = nn.ModuleDict({name: pyramid(name, 96, width, "same")})
        shapes = {key: tensor.shape for key, tensor in network.state_dict().items()}
        assert infer(shapes) == {"backbone": name, "width": width}


def test_a_file_of_another_backbone_is_refused() -> None:
    given = dict(resnet18(num_classes=2).state_dict())
    with pytest.raises(UserError, match=r"holds a resnet18; model.backbone=resnet18, not vgg16, would fit"):
        load(pyramid("vgg16", 96, 0.25, "same"), "vgg16", Path("resnet18.pth"), given)


@pytest.mark.parametrize(
    "name", ["ssd_mobilenet_v1_075_coco", "mobilenet_v1_050_imagenet", "mobilenet_v2_100_imagenet"]
)
def test_google_s_files_bring_every_layer(name: str, weights: Path) -> None:
    given = tensors(weights / f"{name}.safetensors")
    told = infer({key: tensor.shape for key, tensor in given.items()})
    network = pyramid(told["backbone"], 96, told["width"], "same").eval()
    assert load(network, told["backbone"], weights / name, given) == len(blocks(network))
    last = network.get_parameter(
        "block13.pointwise.conv.weight" if told["backbone"] == "mobilenet_v1" else "steps.17.conv.2.weight"
    )
    source = "backbone.block13.pointwise" if told["backbone"] == "mobilenet_v1" else "expanded_conv_16.project"
    torch.testing.assert_close(last.data, given[f"{source}.weight"].float())
