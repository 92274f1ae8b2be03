"""MobileNet v2, v3 and MnasNet as two maps: torchvision's own, padded either way; published weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from mfast_edge.backbones import mnasnet, mobilenet_v2, mobilenet_v3
from mfast_edge.backbones.blocks import same
from mfast_edge.backbones.inverted import Inverted
from mfast_edge.backbones.published import IMAGENET, classifier, leaves, ordered
from mfast_edge.data.index import read
from mfast_edge.data.photo import load
from mfast_edge.models.resize import blob
from mfast_edge.models.ssd.build import Lite
from mfast_edge.models.ssd.lite_weights import load as load_weights
from mfast_edge.models.ssd.mbv2 import MODEL
from mfast_edge.models.ssd.network import SSD

GOOGLE = "mobilenet_v2_100_imagenet.safetensors"
BUILDS: dict[str, Callable[[float], nn.Sequential]] = {
    "mobilenet_v2": mobilenet_v2.features,
    "mobilenet_v3_large": lambda width: mobilenet_v3.features(width, "large", "reduced"),
    "mobilenet_v3_small": lambda width: mobilenet_v3.features(width, "small", "whole"),
    "mnasnet": mnasnet.features,
}


def lively(network: nn.Module) -> nn.Module:
    """Weights of a fixed seed, norms that change something."""
    torch.manual_seed(0)
    for leaf in leaves(network):
        if isinstance(leaf, nn.BatchNorm2d):
            nn.init.uniform_(leaf.weight, 0.5, 1.5)
            nn.init.uniform_(leaf.bias, -0.5, 0.5)
        else:
            nn.init.kaiming_normal_(leaf.weight)
    return network.eval()


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("padding", ["same", "centred"])
def test_maps_are_as_many_channels_and_cells_as_told(name: str, padding: str) -> None:
    for size in (96, 97, 110):
        network = Inverted(BUILDS[name](0.25), size, padding).eval()  # type: ignore[arg-type]
        found = network(torch.zeros(1, 3, size, size))
        assert [x.shape[1] for x in found] == network.channels
        assert [x.shape[2] for x in found] == network.sides == [-(-size // 16), -(-size // 32)]


@pytest.mark.parametrize("name", BUILDS)
def test_centred_padding_is_torchvision_s_own_function(name: str) -> None:
    features = lively(BUILDS[name](0.25))
    image = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        wanted = features(image)
        found = Inverted(features, 96, "centred").eval()(image)  # type: ignore[arg-type]
    torch.testing.assert_close(found[1], wanted)


@pytest.mark.parametrize("name", BUILDS)
def test_padding_moves_no_leaf_and_is_nothing_on_odd_sides(name: str) -> None:
    """65 → 33 17 9 5 3: every side that is halved is odd."""
    kinds = {}
    for padding in ("same", "centred"):
        network = lively(Inverted(BUILDS[name](0.25), 65, padding))  # type: ignore[arg-type]
        even = Inverted(BUILDS[name](0.25), 64, padding)  # type: ignore[arg-type]
        assert list(even.state_dict()) == list(network.state_dict())
        with torch.no_grad():
            kinds[padding] = network(torch.ones(1, 3, 65, 65))
    for one, other in zip(*kinds.values(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", BUILDS)
def test_of_one_map_nothing_is_built_above_it(name: str) -> None:
    whole = lively(Inverted(BUILDS[name](0.25), 96, "same"))
    lower = lively(Inverted(BUILDS[name](0.25), 96, "same", maps=1))
    image = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        (only,) = lower(image)
        torch.testing.assert_close(only, whole(image)[0])
    assert len(lower.state_dict()) < len(whole.state_dict())


def test_the_width_scales_the_last_layer_too() -> None:
    for features in (mobilenet_v2.features, mnasnet.features):
        assert Inverted(features(0.5), 96, "same").channels == [288, 640]


def test_layers_come_in_the_order_of_their_numbers() -> None:
    names = ["features.10.0.weight", "features.2.block.fc1.weight", "features.2.block.0.weight", "classifier.0.weight"]
    assert ordered(names, "features.") == ["features.2.block.0", "features.2.block.fc1", "features.10.0"]


def test_torchvision_s_mnasnet_gives_the_same_first_layer_and_everything_behind() -> None:
    peer, network = lively(mnasnet.features(1.0)), Inverted(mnasnet.features(1.0), 96, "centred").eval()
    assert isinstance(peer, nn.Sequential)
    held = {f"layers.{name}": tensor for name, tensor in peer.state_dict().items()}
    assert classifier(network, Path("mnasnet1_0.pth"), held) == 52
    mean, std = (torch.tensor(one)[:, None, None] for one in IMAGENET)
    image = torch.rand(1, 3, 96, 96) * 255
    with torch.no_grad():
        first = peer[:3]((image / 255 - mean) / std)
        found = network.lower[:3]((image - 128) / 128)
        torch.testing.assert_close(found[..., 1:-1, 1:-1], first[..., 1:-1, 1:-1], atol=1e-3, rtol=1e-3)
        assert network.upper is not None
        deeper = network.upper(network.lower[3:](first))
        torch.testing.assert_close(deeper, peer[3:](first), atol=1e-3, rtol=1e-3)


def google(tensors: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """The published MobileNet v2 straight from its file: no module, no batch norm, TensorFlow's padding."""

    def layer(x: Tensor, name: str, stride: int, linear: bool) -> Tensor:
        weight, bias = tensors[f"{name}.weight"].float(), tensors[f"{name}.bias"].float()
        before, after = same(x.shape[2], weight.shape[2], stride)
        x = F.pad(x, (before, after, before, after))
        x = F.conv2d(x, weight, bias, stride, groups=x.shape[1] // weight.shape[1])
        return x if linear else x.clamp(0, 6)

    strides = {1: 2, 3: 2, 6: 2, 13: 2}
    x = layer(image, "Conv", 2, False)
    for number in range(17):
        block, before = f"expanded_conv{f'_{number}' if number else ''}", x
        if number:
            x = layer(x, f"{block}.expand", 1, False)
        if number == 13:
            tapped = x
        x = layer(layer(x, f"{block}.depthwise", strides.get(number, 1), False), f"{block}.project", 1, True)
        x = before + x if x.shape == before.shape else x
    return [tapped, layer(x, "Conv_1", 1, False)]


@pytest.mark.slow
@pytest.mark.parametrize("size", [160, 97])
def test_google_s_mobilenet_v2_gives_the_maps_that_its_file_gives(
    size: int, weights: Path, photos: Path, tmp_path: Path
) -> None:
    """On real photos; at width ½ the leading channels are taken."""
    tensors = load_file(weights / GOOGLE)
    records = read(f"voc:{photos / 'bccd'}", cache=tmp_path, seed=0).splits["train"][:2]
    images = torch.cat([torch.from_numpy(blob(load(record), (size, size))) for record in records])
    network = MODEL.network(Lite(classes=("a",), size=size, **MODEL.infer({"Conv.weight": [32, 3, 3, 3]})))
    assert isinstance(network, SSD)
    assert load_weights(network, Path(GOOGLE), tensors) == f"{GOOGLE}: 52 of 76 convolutions"
    with torch.no_grad():
        found = network.eval().backbone((images - 128) / 128)
        wanted = google(tensors, (images - 128) / 128)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=2e-3)
    half = MODEL.network(Lite(classes=("a",), size=96, width=0.5))
    assert isinstance(half, SSD)
    load_weights(half, Path(GOOGLE), tensors)
    mine = half.get_parameter("backbone.lower.0.0.weight")
    torch.testing.assert_close(mine.data, tensors["Conv.weight"][:16].float())
