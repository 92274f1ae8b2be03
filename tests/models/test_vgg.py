"""SSD300 on VGG16: the paper's maps, anchors and scales; torchvision's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.vgg import cfgs, make_layers

from mfast_edge.backbones.weights import shapes as file_shapes
from mfast_edge.backbones.weights import tensors
from mfast_edge.models.ssd.decode import anchors
from mfast_edge.models.ssd.network import SSD
from mfast_edge.models.ssd.vgg import Paper
from mfast_edge.models.ssd.vgg16 import MODEL


def images(count: int, size: int = 96) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 255


def small(width: float = 0.125, classes: tuple[str, ...] = ("a",)) -> SSD:
    torch.manual_seed(0)
    network = MODEL.network(Paper(classes=classes, size=96, width=width))
    assert isinstance(network, SSD)
    return network.eval()


def plain(network: nn.Module, file: Path) -> Path:
    """A state_dict with weights of both signs and biases that are not zero."""
    torch.manual_seed(1)
    held = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    for name, tensor in held.items():
        if tensor.ndim == 4:
            nn.init.kaiming_normal_(tensor)  # the last map still says something of the first
        if name.endswith("bias"):
            nn.init.uniform_(tensor, -0.1, 0.1)
        if name.endswith("running_var"):
            nn.init.uniform_(tensor, 0.5, 2.0)
        if name.endswith("running_mean"):
            nn.init.uniform_(tensor, -0.5, 0.5)
    if file.suffix == ".safetensors":
        save_file(held, file)
    else:
        torch.save(held, file)
    return file


def imagenet(norms: bool) -> nn.Module:
    """torchvision's vgg16 or vgg16_bn without its classifier of 124 million weights."""
    return nn.ModuleDict({"features": make_layers(cfgs["D"], batch_norm=norms)}).eval()


def test_300_px_gives_the_paper_s_maps_and_8732_anchors() -> None:
    facts = MODEL.facts(Paper(classes=("a",)))
    assert facts["maps"] == [38, 19, 10, 5, 3, 1]
    assert anchors(facts).shape == (8732, 4)


def test_the_squares_have_the_published_sizes_in_pixels() -> None:
    """min_size and √(min_size·max_size) of the published SSD300 for VOC."""
    table = MODEL.facts(Paper(classes=("a",)))["shapes"]
    low, high = (30, 60, 111, 162, 213, 264), (60, 111, 162, 213, 264, 315)
    for level, small_side, large in zip(table, low, high, strict=True):
        assert np.array(level[0]) * 300 == pytest.approx([small_side] * 2)
        assert np.array(level[1]) * 300 == pytest.approx([min(300, np.sqrt(small_side * large))] * 2)
    assert [len(level) for level in table] == [4, 6, 6, 6, 4, 4]


def test_anchors_of_torchvision_s_file_are_torchvision_s() -> None:
    from torchvision.models.detection.image_list import ImageList

    inferred = MODEL.infer({"backbone.scale_weight": [512], "backbone.features.0.weight": [64, 3, 3, 3]})
    ours = anchors(MODEL.facts(Paper(classes=("a",), **inferred)))
    ratios, scales = [[2], [2, 3], [2, 3], [2, 3], [2], [2]], [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05]
    peer = DefaultBoxGenerator(ratios, scales=scales, steps=[8, 16, 32, 64, 100, 300])  # ssd300_vgg16's
    maps = [torch.zeros(1, 1, side, side) for side in (38, 19, 10, 5, 3, 1)]
    corners = peer(ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)]), maps)[0].numpy() / 300
    theirs = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
    np.testing.assert_allclose(ours, theirs[:, [1, 0, 3, 2]], atol=1e-6)


@pytest.mark.parametrize("size", [96, 97, 160, 224, 301, 512])
def test_any_size_gives_as_many_outputs_as_anchors(size: int) -> None:
    build = Paper(classes=("a", "b"), size=size, width=0.125)
    codes, logits = MODEL.network(build).eval()(torch.zeros(1, 3, size, size))
    assert codes.shape == (1, len(anchors(MODEL.facts(build))), 4)
    assert logits.shape[2] == 2


def test_conv4_3_s_map_has_cells_of_length_20_before_any_training() -> None:
    first = small().backbone((images(1) - 128) / 128)[0]
    torch.testing.assert_close(first.norm(dim=1), torch.full_like(first[:, 0], 20.0), atol=1e-3, rtol=1e-3)


def test_a_black_map_is_normed_to_zeros_and_has_a_gradient() -> None:
    norm = small().backbone.get_submodule("norm")
    black = torch.zeros(1, 64, 2, 2, requires_grad=True)
    out = norm(black)
    out.sum().backward()
    assert not out.any()
    assert black.grad is not None
    assert black.grad.isfinite().all()


def test_bfloat16_gradients_are_finite_down_to_maps_of_one_cell() -> None:
    for size in (96, 160):
        network = MODEL.network(Paper(classes=("a",), size=size, width=0.125)).train()
        network.to(memory_format=torch.channels_last)
        torch.full((1 << 20,), float("nan")).sum()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(images(4, size).to(memory_format=torch.channels_last))
        sum(out.float().square().sum() for out in outputs).backward()
        assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())


@pytest.mark.parametrize(("norms", "suffix"), [(False, "safetensors"), (True, "pt")])
def test_an_imagenet_file_gives_the_same_maps_but_for_the_rim(norms: bool, suffix: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer, network = imagenet(norms), small(1.0)
    file = plain(peer, tmp_path / f"vgg.{suffix}")
    peer.load_state_dict(tensors(file))
    assert MODEL.infer(file_shapes(file)) == {"width": 1.0}
    assert MODEL.load(network, file, tensors(file)).endswith("13 of 23 convolutions")
    mean, std = (torch.tensor(one)[:, None, None] for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    photo, deeper = images(1, 64), torch.rand(1, 64, 8, 8)
    theirs, layers = peer.get_submodule("features"), network.get_submodule("backbone.features")
    assert isinstance(theirs, nn.Sequential)
    assert isinstance(layers, nn.Sequential)
    block = 3 if norms else 2  # layers to a block
    with torch.no_grad():
        first, wanted = layers[:3]((photo - 128) / 128), theirs[:block]((photo / 255 - mean) / std)
        torch.testing.assert_close(first[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1], atol=1e-4, rtol=1e-4)
        second, wanted = layers[3:6](deeper), theirs[block : 2 * block](deeper)
        torch.testing.assert_close(second, wanted, atol=1e-4, rtol=1e-4)


def test_the_classifier_becomes_fc6_and_fc7() -> None:
    held, network = dict(imagenet(False).state_dict()), small(1.0)
    for source, inside in ((0, 512 * 49), (3, 4096)):
        held[f"classifier.{source}.weight"] = torch.zeros(4096, inside)
        held[f"classifier.{source}.bias"] = torch.zeros(4096)
    held["classifier.0.weight"][20, 7 * 49 + 3 * 7 + 6] = 0.5  # output 20, channel 7, row 3 and column 6 of 7
    held["classifier.3.weight"][20, 28] = 0.25
    assert MODEL.load(network, Path("vgg16.pt"), held).endswith("15 of 23 convolutions")
    assert network.get_parameter("backbone.fc6.0.weight").nonzero().tolist() == [[5, 7, 1, 2]]
    assert network.get_parameter("backbone.fc7.0.weight").nonzero().tolist() == [[5, 7, 0, 0]]


def test_torchvision_s_ssd300_gives_the_same_outputs(tmp_path: Path) -> None:
    """Box codes y x h w instead of x y w h; class logits against the background's; the rim is padded otherwise."""
    torch.manual_seed(0)
    peer = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=3).eval()
    file = plain(peer, tmp_path / "ssd.safetensors")
    peer.load_state_dict(tensors(file))
    network = MODEL.network(Paper(classes=("a", "b"))).eval()
    assert MODEL.labels(file_shapes(file)) == ("?", "?")
    assert MODEL.load(network, file, tensors(file)).endswith("23 of 23 convolutions, box heads, class heads")
    level = torch.tensor([0.48235, 0.45882, 0.40784])[:, None, None]
    photo = torch.full((1, 3, 300, 300), 128.0)
    with torch.no_grad():
        maps = peer.backbone(photo - 255 * level)
        theirs = peer.head(list(maps.values()))
        codes, logits = network(photo)
    codes_there, other = theirs["bbox_regression"][..., [1, 0, 3, 2]], theirs["cls_logits"]
    logits_there = other[..., 1:] - other[..., :1]
    for ours, wanted in ((codes, codes_there), (logits, logits_there)):
        last, centre = slice(-4, None), slice(4 * (19 * 38 + 19), 4 * (19 * 38 + 20))
        assert (ours - wanted)[0, last].abs().max() < 0.1 * wanted[0, last].std()  # the rim reaches everything here
        torch.testing.assert_close(ours[0, centre], wanted[0, centre], atol=1e-3, rtol=1e-3)
