"""YOLOv1: published backbones, one's own weights, a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models as peers

from mfast_edge.backbones.weights import shapes, tensors
from mfast_edge.errors import UserError
from mfast_edge.model import Known
from mfast_edge.models.yolov1.build import Build
from mfast_edge.models.yolov1.detector import MODEL
from mfast_edge.models.yolov1.distill import Lesson
from mfast_edge.stages.factors import blank
from tests.backbones.test_inverted import lively
from tests.models.test_yolov1 import BACKBONES, build

PEERS: dict[str, Any] = {
    "mobilenet_v2": peers.mobilenet_v2,
    "mobilenet_v3_large": peers.mobilenet_v3_large,
    "mobilenet_v3_small": peers.mobilenet_v3_small,
    "mnasnet": peers.mnasnet1_0,
    "vgg16": peers.vgg16_bn,
}
MEAN, STD = (torch.tensor(one)[:, None, None] for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def saved(network: nn.Module, file: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, file)
    return file


@pytest.mark.parametrize("name", PEERS)
def test_torchvision_s_imagenet_files_give_the_same_map(name: str, tmp_path: Path) -> None:
    """Apart from the photo's rim, which is grey there and the mean here."""
    peer: Any = PEERS[name](num_classes=2)
    lively(peer)
    file = saved(peer, tmp_path / "imagenet.safetensors")
    inferred = MODEL.infer(shapes(file))
    assert inferred.pop("backbone") == name
    assert inferred.pop("width") == 1
    assert inferred == ({} if name == "vgg16" else {"padding": "centred"})
    network: Any = MODEL.network(Build(classes=("a",), size=96, grid=3, backbone=name, hidden=64, **inferred))
    said = MODEL.load(network.eval(), file, tensors(file))
    taken, _, every, *_ = said.split()[1:]
    assert taken == every
    body = peer.layers if name == "mnasnet" else peer.features
    first: Any = next(one for one in body.modules() if isinstance(one, nn.BatchNorm2d))
    seen: list[Tensor] = []
    for norm in (first, next(one for one in network.modules() if isinstance(one, nn.BatchNorm2d))):
        norm.register_forward_hook(lambda _, __, out: seen.append(out))
    image = torch.rand(1, 3, 96, 96) * 255
    with torch.no_grad():
        body.eval()((image / 255 - MEAN) / STD)
        network(image)
    torch.testing.assert_close(seen[1][..., 2:-2, 2:-2], seen[0][..., 2:-2, 2:-2], atol=1e-3, rtol=1e-3)
    last = [one for one in body.modules() if isinstance(one, nn.BatchNorm2d)][-1]
    ours = [one for one in network.backbone.modules() if isinstance(one, nn.BatchNorm2d)][-1]
    torch.testing.assert_close(ours.weight, last.weight)


@pytest.mark.parametrize("file", ["mobilenet_v2_100", "mobilenet_v1_050"])
def test_google_s_files_bring_every_convolution_of_the_backbone(file: str, weights: Path) -> None:
    place = weights / f"{file}_imagenet.safetensors"
    inferred = MODEL.infer(shapes(place))
    assert inferred == {"backbone": file[:12], "width": int(file[-3:]) / 100}
    network = MODEL.network(Build(classes=("a",), hidden=64, start="random", **inferred))
    said = MODEL.load(network, place, tensors(place)).split()
    assert said[1] == said[3]
    assert MODEL.labels(shapes(place)) == ()


def test_another_backbone_s_file_is_refused(tmp_path: Path) -> None:
    file = saved(peers.mobilenet_v3_small(num_classes=2), tmp_path / "small.safetensors")
    network = MODEL.network(build())
    with pytest.raises(UserError, match=r"is a mobilenet_v3_small and model\.backbone is"):
        MODEL.load(network, file, tensors(file))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_own_weights_tell_their_build_and_come_back(backbone: str, tmp_path: Path) -> None:
    told = {"backbone": backbone, "width": 0.25, "grid": 3, "boxes": 3, "neck": (64, 96), "hidden": 320}
    network = MODEL.network(build(**told))
    file = saved(network, tmp_path / "own.safetensors")
    assert MODEL.infer(shapes(file)) == told
    assert MODEL.labels(shapes(file)) == ("?", "?")
    again = MODEL.network(build(**told))
    assert "all layers" in MODEL.load(again, file, tensors(file))
    other = MODEL.network(build(**told, classes=("a", "b", "c")))
    assert "class heads start anew" in MODEL.load(other, file, tensors(file))
    torch.testing.assert_close(other.get_parameter("box.weight"), network.get_parameter("box.weight"))


def test_own_weights_without_a_neck_or_decomposed_tell_their_classes() -> None:
    for neck in ((), (64,)):
        network = MODEL.network(build(neck=neck))
        for name in ("hidden", "box", "classify"):
            layer = network.get_submodule(name)
            assert isinstance(layer, nn.Linear)
            network.set_submodule(name, blank(layer, "svd", (8,)))
        assert MODEL.labels({name: one.shape for name, one in network.state_dict().items()}) == ("?", "?")


def known(seed: int, **given: Any) -> Known:
    """A network that is sure of something, somewhere."""
    torch.manual_seed(seed)
    settings = build(backbone="mobilenet_v1", **given)
    network: Any = MODEL.network(settings)
    nn.init.normal_(network.hidden.weight, std=0.05)
    nn.init.normal_(network.box.weight, std=0.1)
    nn.init.normal_(network.classify.weight, std=0.1)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(8, 3, settings.size, settings.size) * 255)
    return Known(network.eval(), MODEL.ready(MODEL.facts(settings)))


def images(size: int = 96) -> Tensor:
    return torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(0)) * 255


def test_a_network_has_nothing_to_learn_from_itself() -> None:
    lesson = Lesson(known(0), known(0), 1.0, 1.0)
    _, terms = lesson(known(0).network, images())
    assert set(terms) == {"teacher_box", "teacher_confidence", "teacher_class", "teacher_maps"}
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-5) for term in terms.values())
    _, others = lesson(known(1).network, images())
    assert all(float(term.detach()) > 1e-3 for term in others.values())


def test_a_teacher_s_boxes_may_come_in_another_order() -> None:
    student, teacher = known(0), known(0)
    with torch.no_grad():
        for name in ("weight", "bias"):
            told = teacher.network.get_parameter(f"box.{name}")
            told.copy_(told.reshape(9, 2, 5, -1).flip(1).reshape(told.shape))
    _, terms = Lesson(student, teacher, 1.0, 0.0)(student.network, images())
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-5) for term in terms.values())


def test_another_width_and_size_can_be_taught_and_the_teacher_stays() -> None:
    student, teacher = known(0, width=0.125), known(1, size=128)
    before = {name: tensor.clone() for name, tensor in teacher.network.state_dict().items()}
    lesson = Lesson(student, teacher, 1.0, 1.0)
    assert [tuple(one.shape) for one in lesson.parameters()] == [(64, 32, 1, 1), (64,)]
    optimiser, losses = torch.optim.Adam([*student.network.parameters(), *lesson.parameters()], 2e-3), []
    for _ in range(15):
        optimiser.zero_grad()
        loss = torch.stack(list(lesson(student.network, images())[1].values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.network.state_dict().items())


def test_a_weight_scales_its_terms_and_0_leaves_them_out() -> None:
    student, teacher = known(0), known(1)
    _, once = Lesson(student, teacher, 1.0, 0.0)(student.network, images())
    _, twice = Lesson(student, teacher, 2.0, 0.0)(student.network, images())
    assert all(torch.allclose(twice[name], 2 * once[name]) for name in once)
    assert Lesson(student, teacher, 0.0, 1.0)(student.network, images())[1].keys() == {"teacher_maps"}


def test_a_teacher_of_another_grid_is_refused() -> None:
    with pytest.raises(UserError, match="grid 2 with 2 boxes a cell; one like the network's, 3 with 2"):
        Lesson(known(0), known(0, grid=2), 1.0, 0.0)
