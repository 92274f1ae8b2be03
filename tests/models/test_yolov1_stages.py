"""YOLOv1 through the stages: the fully connected head in int8, thinner by SVD, at another size, without dropout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from benchmarks.gates import weight
from export.pixels import taken
from mfast_edge.backbones.extraction import SLOPE
from mfast_edge.errors import UserError
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.models.yolov1.build import Build
from mfast_edge.models.yolov1.detector import MODEL
from mfast_edge.pipeline import make
from mfast_edge.runners import open_file
from mfast_edge.stages.channels import ranked
from mfast_edge.stages.decompose import Decompose
from mfast_edge.stages.export_onnx import ExportOnnx
from mfast_edge.stages.factors import blank
from mfast_edge.stages.offers import offers
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.quantize import Quantize
from mfast_edge.stages.refit import Refit
from mfast_edge.stages.sensitivity import sensitivity
from mfast_edge.stages.train import Train
from mfast_edge.workshop import Workshop
from tests.contracts.test_rebuild import shop_of


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return shop_of(find("yolov1", MODELS), tmp_path, tmp_path / "data")


def test_the_hidden_layer_s_inputs_follow_the_neck_s_channels_cell_by_cell(shop: Workshop) -> None:
    groups = ranked(shop.fresh(), Prune(batches=1, batch=8), shop)
    assert groups["neck.0.0"].inputs == {"hidden": 9}  # of 3 x 3 cells
    assert groups["hidden"].inputs == {"box": 1, "classify": 1}
    assert len(groups["hidden"].order) == 256


def test_dropout_does_not_decide_what_is_harmful(shop: Workshop, tmp_path: Path) -> None:
    prune, made = Prune(batches=1, looks=1, batch=8, round_to=16), shop.fresh()
    with torch.no_grad():
        made.network.get_submodule("neck.0.1").weight.zero_()  # type: ignore[union-attr, operator]
    curve = sensitivity(made, prune, shop, tmp_path).curves["neck.0.0"]
    assert [harm for _, harm in curve[1:]] == [pytest.approx(0, abs=1e-4)] * (len(curve) - 1)


def graphs(shop: Workshop) -> tuple[Path, Path]:
    """Float and int8 graphs of a network trained on a few images."""
    trained, _ = make("train", Train(images=32, batch=8, precision="float32"), shop.root, shop, 0)
    exported, _ = make("export_onnx", ExportOnnx().fitted(shop.target), trained, shop, 0)
    int8, _ = make("quantize", Quantize(images=8).fitted(shop.target), exported, shop, 0)
    return exported.file, int8.file


def test_fully_connected_layers_are_int8_and_both_runtimes_agree(shop: Workshop) -> None:
    plain, dressed = graphs(shop)
    model = onnx.load(dressed)
    makers = {out: node for node in model.graph.node for out in node.output}
    linear = [node for node in model.graph.node if node.op_type in ("Gemm", "MatMul")]
    assert len(linear) == 3
    assert all(makers[name].op_type == "DequantizeLinear" for node in linear for name in node.input[:2])
    stored = {one.name: one for one in model.graph.initializer}
    weights = [stored[makers[node.input[1]].input[0]] for node in linear]
    assert all(one.data_type == onnx.TensorProto.INT8 for one in weights)
    photo = next(shop.photos(plain, 1))
    right = open_file(plain, "onnxruntime", 1)(photo)
    for runtime in ("onnxruntime", "openvino"):
        found = open_file(dressed, runtime, 1)(taken(photo, "uint8"))
        for one, two in zip(right, found, strict=True):
            assert float(np.abs(one - two).mean()) < 0.05 * float(one.std() + 0.1)


@pytest.mark.parametrize("size", [128, 160, 192])
def test_another_size_leaves_every_weight_and_the_grid(size: int, shop: Workshop) -> None:
    old = shop.fresh()
    made = Refit(size=size, images=0).made(old, shop)
    for name, tensor in old.network.state_dict().items():
        assert torch.equal(tensor, made.network.state_dict()[name])
    boxes, _ = made.network.eval()(torch.zeros(1, 3, size, size))
    assert boxes.shape == (1, 18, 5)


def test_at_twice_the_size_a_convolution_of_the_neck_halves_the_map(shop: Workshop) -> None:
    made = Refit(size=192, images=0).made(shop.fresh(), shop)
    convolution: Any = made.network.get_submodule("neck.0.0")
    assert convolution.stride == (2, 2)


def test_a_size_that_cannot_hold_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="at 96 px at most 3 cells, or 193 px and more, would be right"):
        Build(classes=("a",), size=96)


def test_anchors_cannot_be_refitted(shop: Workshop) -> None:
    with pytest.raises(UserError, match="yolov1 has no anchors"):
        Refit(anchors=6, images=0).made(shop.fresh(), shop)


def test_the_paper_s_head_is_too_heavy_for_100_mb_and_by_svd_it_is_not() -> None:
    """7 x 7 x 1024 → 4096 → 7 x 7 x 13, float32: by ranks of a thirty-second a light backbone has room beside it."""
    paper = Build(classes=("a", "b", "c"), neck=(1024,), hidden=4096, backbone="mobilenet_v1", width=1.0)
    with torch.device("meta"):
        network: Any = MODEL.network(paper)
    assert not weight(size(network)).passed
    assert network.hidden.weight.numel() > 0.9 * sum(one.numel() for one in network.parameters())
    (rank,) = {offer.ranks for offer in offers("hidden", network.hidden, Decompose(share=1 / 32, round_to=16))}
    with torch.device("meta"):
        network.hidden = blank(network.hidden, "svd", rank)
    assert rank == (128,)
    assert weight(size(network)).passed


def size(network: nn.Module) -> int:
    """Bytes in float32."""
    return 4 * sum(one.numel() for one in network.parameters())


def test_activations_are_leaky(shop: Workshop) -> None:
    made: Any = shop.fresh().network
    assert {one.negative_slope for one in made.modules() if isinstance(one, nn.LeakyReLU)} == {SLOPE}
    assert made.drop.p == 0.5
