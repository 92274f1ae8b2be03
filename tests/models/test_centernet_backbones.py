"""A CenterNet on every backbone: graphs that devices take, pruning, another size, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from export.int8 import Dressing, quantize
from export.lint import lint, load_rules
from export.sessions import open_session
from export.to_onnx import to_onnx
from mfast_edge import blueprint
from mfast_edge.backbones.weights import shapes, tensors
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from mfast_edge.models.centernet.build import Build
from mfast_edge.models.centernet.detector import MODEL
from mfast_edge.models.centernet.network import CenterNet
from mfast_edge.stages.channels import ranked
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.refit import Refit
from mfast_edge.store import Store
from mfast_edge.target import find as find_target
from mfast_edge.workshop import Built, Workshop
from tests.contracts.test_heads import agree_without

KINDS = ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet", "resnet18", "vgg16"]


def build(**given: Any) -> Build:
    return Build(**{"classes": ("a", "b", "c"), "size": 96, "width": 0.25, **given})


def network(**given: Any) -> CenterNet:
    torch.manual_seed(0)
    made = MODEL.network(build(**given)).eval()
    assert isinstance(made, CenterNet)
    return made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("shop")
    data = read("particles:60x96", cache=folder, seed=0)
    settings = MODEL.build(classes=data.classes, size=96, width=0.25)
    return Workshop(MODEL, settings, data, find_target("x86"), Store(folder), 0, "cpu", None, lambda _: None)


@pytest.mark.parametrize("heads", ["lite", "full"])
@pytest.mark.parametrize("size", [96, 97, 131])
def test_outputs_are_a_cell_for_four_pixels(size: int, heads: str) -> None:
    found = network(size=size, heads=heads)(torch.zeros(2, 3, size, size))
    side = -(-size // 4)
    assert [tuple(out.shape) for out in found] == [(2, count, side, side) for count in (3, 2, 2)]
    for out, start in zip((found[0].sigmoid(), found[1], found[2]), (0.1, 0.5, 0.5), strict=True):
        assert float(out.mean().detach()) == pytest.approx(start, abs=0.1 * start)


def exported(backbone: str, file: Path) -> Path:
    to_onnx(network(backbone=backbone), (1, 3, 96, 96), file, names=MODEL.outputs, metadata={})
    return file


@pytest.mark.parametrize("backbone", KINDS)
def test_the_graph_passes_tensorrt_8_2(backbone: str, tmp_path: Path) -> None:
    file = exported(backbone, tmp_path / "float.onnx")
    nodes = onnx.load(file).graph.node
    assert [node.op_type for node in nodes[:3]] == ["Sub", "Div", "Conv"]
    assert not {node.op_type for node in nodes} & {"BatchNormalization", "ConvTranspose", "Slice", "Pad", "Concat"}
    assert sum(node.op_type == "Resize" for node in nodes) == (2 if backbone == "vgg16" else 3)
    assert lint(file, load_rules("tensorrt-8.2")) == []


@pytest.mark.parametrize("backbone", ["mobilenet_v1", "resnet18"])
def test_the_int8_graph_passes_tensorrt_8_2_and_says_nearly_the_same(backbone: str, tmp_path: Path) -> None:
    file, dressed = exported(backbone, tmp_path / "float.onnx"), tmp_path / "int8.onnx"
    images = [np.random.default_rng(seed).uniform(0, 255, (1, 3, 96, 96)).astype(np.float32) for seed in range(2)]
    quantize(file, dressed, images, dressing=Dressing("int8", symmetric=True))
    assert lint(dressed, load_rules("tensorrt-8.2")) == []
    for plain, small in zip(
        open_session(file, "onnxruntime")(images[0]), open_session(dressed, "onnxruntime")(images[0]), strict=True
    ):
        assert np.abs(plain - small).max() < 0.2 * max(1.0, np.abs(plain).max())


@pytest.mark.parametrize("heads", ["lite", "full"])
@pytest.mark.parametrize("backbone", KINDS)
def test_a_group_silenced_says_what_the_network_says_without_it(backbone: str, heads: str, shop: Workshop) -> None:
    """Laterals that are added, sums of residuals, gates: they go together."""
    made = Built(network(classes=shop.data.classes, backbone=backbone, heads=heads), shop.build)
    agree_without(made, shop)
    assert not set(ranked(made, Prune(batches=1, batch=2), shop)) & {"heatmap.last", "sizes.last", "offsets.last"}


@pytest.mark.parametrize("backbone", ["mobilenet_v1", "mobilenet_v2", "vgg16"])
def test_another_size_keeps_every_weight(backbone: str, shop: Workshop) -> None:
    old = Built(network(backbone=backbone), build(backbone=backbone))
    made = Refit(size=131, images=0).made(old, shop)
    assert made.build == build(backbone=backbone, size=131)
    for (name, one), two in zip(old.network.state_dict().items(), made.network.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, msg=name)
    assert made.network(torch.zeros(1, 3, 131, 131))[0].shape[2] == 33
    again = MODEL.network(made.build)
    blueprint.restore(again, blueprint.layers(made.network))


def test_anchors_cannot_be_fitted_and_none_are_dropped(shop: Workshop) -> None:
    old = Built(network(), build())
    assert Refit(anchors="matched", share=0.01, images=0).made(old, shop).build == build()
    with pytest.raises(UserError, match=r"refit.anchors: 6 given and centernet has no anchors; matched would be right"):
        Refit(anchors=6, images=0).made(old, shop)


def test_padding_is_refused_where_it_would_do_nothing() -> None:
    with pytest.raises(ValueError, match="padding centred given for vgg16; for mobilenet_v2"):
        build(backbone="vgg16", padding="centred")


@pytest.mark.parametrize("given", [{}, {"backbone": "mobilenet_v2", "heads": "full"}, {"backbone": "resnet18"}])
def test_own_weights_tell_their_build_and_come_back(given: dict[str, Any], tmp_path: Path) -> None:
    made, file = network(**given), tmp_path / "own.safetensors"
    save_file(made.state_dict(), file)
    inferred = MODEL.infer(shapes(file))
    assert inferred == {"backbone": "mobilenet_v1", "heads": "lite", **given, "width": 0.25}
    assert MODEL.labels(shapes(file)) == ("?",) * 3
    again = MODEL.network(build(**inferred))
    assert MODEL.load(again, file, tensors(file)) == "own.safetensors: all layers"
    image = torch.rand(1, 3, 96, 96) * 255
    with torch.no_grad():
        assert all(torch.equal(one, two) for one, two in zip(made(image), again.eval()(image), strict=True))
    fewer = MODEL.network(build(classes=("a",), **inferred))
    assert MODEL.load(fewer, file, tensors(file)).endswith("class heads start anew")
    with pytest.raises(UserError, match="does not fit this network"):
        MODEL.load(network(width=0.5), file, tensors(file))


def test_a_backbone_s_file_has_no_class_heads(weights: Path) -> None:
    file = weights / "ssd_mobilenet_v1_075_coco.safetensors"
    assert MODEL.labels(shapes(file)) == ()
    assert MODEL.infer(shapes(file)) == {"backbone": "mobilenet_v1", "width": 0.75}
    made = network(width=0.5)
    assert MODEL.load(made, file, tensors(file)).startswith(f"{file.name}: 27 of ")


def test_bfloat16_gradients_are_finite() -> None:
    made = network().train().to(memory_format=torch.channels_last)
    images = torch.rand(4, 3, 96, 96).to(memory_format=torch.channels_last) * 255
    torch.full((1 << 20,), float("nan")).sum()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = made(images)
    sum(out.float().square().sum() for out in outputs).backward()  # type: ignore[union-attr]
    assert all(one.grad is not None and one.grad.isfinite().all() for one in made.parameters())


def test_a_decomposed_head_is_still_a_head() -> None:
    made = network()
    made.heatmap.last = nn.Sequential(nn.Conv2d(16, 2, 1, bias=False), nn.Conv2d(2, 3, 1))  # type: ignore[assignment]
    assert [head.out_channels for head in MODEL.heads(made)] == [3, 2, 2]
