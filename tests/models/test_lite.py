"""SSDLite on MobileNet v2 and v3: anchors, heads, torchvision's files, int8 graphs of hard swishes and sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import mobilenet_v2, mobilenet_v3_small
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

from mfast_edge.backbones.weights import shapes, tensors
from mfast_edge.errors import UserError
from mfast_edge.models.ssd import mbv2, mbv3
from mfast_edge.models.ssd.build import Lite, Lite3
from mfast_edge.models.ssd.decode import anchors
from mfast_edge.models.ssd.network import SSD, LiteHead
from tests.backbones.test_inverted import lively

SMALL: dict[str, Any] = {"classes": ("a", "b"), "size": 96, "width": 0.25}
TWO: dict[str, Any] = {"classes": ("a", "b")}


def saved(network: nn.Module, file: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in lively(network).state_dict().items()}, file)
    return file


def test_300_px_gives_mobilenet_v2_1917_anchors_and_320_px_v3_3234() -> None:
    assert anchors(mbv2.MODEL.facts(Lite(classes=("a",)))).shape == (1917, 4)
    facts = mbv3.MODEL.facts(Lite3(classes=("a",)))
    assert facts["maps"] == [20, 10, 5, 3, 2, 1]
    assert anchors(facts).shape == (3234, 4)


def test_anchors_of_mobilenet_v3_are_torchvision_s() -> None:
    from torchvision.models.detection.image_list import ImageList

    ours = anchors(mbv3.MODEL.facts(Lite3(classes=("a",))))
    peer = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)  # ssdlite320's
    maps = [torch.zeros(1, 1, side, side) for side in (20, 10, 5, 3, 2, 1)]
    corners = peer(ImageList(torch.zeros(1, 3, 320, 320), [(320, 320)]), maps)[0].numpy() / 320
    theirs = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
    np.testing.assert_allclose(ours, theirs[:, [1, 0, 3, 2]], atol=1e-6)


@pytest.mark.parametrize("heads", ["lite", "full"])
@pytest.mark.parametrize("model", [mbv2.MODEL, mbv3.MODEL])
def test_any_size_gives_as_many_outputs_as_anchors(model: Any, heads: str) -> None:
    for size in (96, 97, 160):
        build = model.build(**{**SMALL, "size": size, "heads": heads})
        network = model.network(build).eval()
        codes, logits = network(torch.zeros(1, 3, size, size))
        assert codes.shape == (1, len(anchors(model.facts(build))), 4)
        assert logits.shape[2] == 2
        assert any(isinstance(one, LiteHead) for one in network.modules()) == (heads == "lite")


@pytest.mark.parametrize("model", [mbv2.MODEL, mbv3.MODEL])
def test_without_anchors_on_the_upper_levels_nothing_is_built_there(model: Any) -> None:
    build = model.build(**SMALL)
    table = model.facts(build)["shapes"]
    for used in (1, 2, 4):
        kept = tuple(tuple(map(tuple, level)) if n < used else () for n, level in enumerate(table))
        network = model.network(model.build(**SMALL, anchors=kept)).eval()
        assert len(network.extras) == max(0, used - 2)
        assert len(network.backbone.channels) == min(used, 2)
        assert network(torch.zeros(1, 3, 96, 96))[0].shape[1] == len(
            anchors(model.facts(model.build(**SMALL, anchors=kept)))
        )


def test_bfloat16_gradients_are_finite_down_to_maps_of_one_cell() -> None:
    for model in (mbv2.MODEL, mbv3.MODEL):
        network = model.network(model.build(**SMALL)).train().to(memory_format=torch.channels_last)
        images = torch.rand(4, 3, 96, 96).to(memory_format=torch.channels_last) * 255
        torch.full((1 << 20,), float("nan")).sum()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(images)
        sum(out.float().square().sum() for out in outputs).backward()  # type: ignore[union-attr]
        assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())


def test_torchvision_s_ssdlite_gives_the_same_outputs(tmp_path: Path) -> None:
    """Box codes y x h w instead of x y w h; class logits against the background's; grey where the image ends."""
    peer = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    file = saved(peer, tmp_path / "ssdlite.safetensors")
    inferred = mbv3.MODEL.infer(shapes(file))
    assert inferred == {"variant": "large", "width": 1.0, "tail": "reduced", "padding": "centred"}
    network = mbv3.MODEL.network(Lite3(**TWO, **inferred)).eval()
    assert mbv3.MODEL.labels(shapes(file)) == ("?", "?")
    assert mbv3.MODEL.load(network, file, tensors(file)).endswith("all layers below the heads, box heads, class heads")
    photo = torch.full((1, 3, 320, 320), 127.5)  # theirs pads with this grey, ours with 128
    photo[..., 40:280, 40:280] += torch.randn(1, 3, 240, 240) * 30
    with torch.no_grad():
        theirs = peer.head(list(peer.backbone((photo / 255 - 0.5) / 0.5).values()))
        codes, logits = network(photo)
    other = theirs["cls_logits"]
    for ours, wanted in (
        (codes, theirs["bbox_regression"][..., [1, 0, 3, 2]]),
        (logits, other[..., 1:] - other[..., :1]),
    ):
        assert (ours - wanted).abs().mean() < 0.01 * wanted.std()


@pytest.mark.parametrize(("model", "peer"), [(mbv2.MODEL, mobilenet_v2), (mbv3.MODEL, mobilenet_v3_small)])
def test_torchvision_s_imagenet_files_give_the_same_first_layer_and_everything_behind(
    model: Any, peer: Any, tmp_path: Path
) -> None:
    theirs = peer(num_classes=2)
    file = saved(theirs, tmp_path / "imagenet.safetensors")
    inferred = model.infer(shapes(file))
    assert inferred["padding"] == "centred"
    assert inferred.get("tail", "whole") == "whole"
    network = model.network(model.build(classes=("a",), size=96, **inferred)).eval()
    model.load(network, file, tensors(file))
    mean, std = (torch.tensor(one)[:, None, None] for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    image = torch.rand(1, 3, 96, 96) * 255
    with torch.no_grad():
        wanted, found = theirs.features[0]((image / 255 - mean) / std), network.backbone.lower[0]((image - 128) / 128)
        torch.testing.assert_close(found[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1], atol=1e-3, rtol=1e-3)
        deeper = network.backbone.upper(network.backbone.lower[1:](wanted))
        torch.testing.assert_close(deeper, theirs.features[1:](wanted), atol=1e-3, rtol=1e-3)


def test_own_weights_tell_their_build_and_come_back(tmp_path: Path) -> None:
    for model, more in ((mbv2.MODEL, {}), (mbv3.MODEL, {"variant": "small", "tail": "whole"})):
        network = model.network(model.build(**SMALL, **more))
        file = saved(network, tmp_path / f"{model.name}.safetensors")
        inferred = model.infer(shapes(file))
        assert inferred == {"width": 0.25, **more}
        again = model.network(model.build(**{**SMALL, **inferred}))
        assert "all layers" in model.load(again, file, tensors(file))
        assert model.labels(shapes(file)) == ("?", "?")


def test_depthwise_heads_do_not_go_into_full_ones(tmp_path: Path) -> None:
    peer = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    file = saved(peer, tmp_path / "ssdlite.safetensors")
    network = mbv3.MODEL.network(Lite3(**TWO, heads="full"))
    assert isinstance(network, SSD)
    with pytest.raises(UserError, match="lite would be right"):
        mbv3.MODEL.load(network, file, tensors(file))
