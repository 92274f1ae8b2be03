"""Published weights in ready files: torchvision's give torchvision's maps, Google's folded ones are taken whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from mfast_edge.backbones import published
from mfast_edge.backbones.weights import shapes, tensors
from mfast_edge.errors import UserError
from mfast_edge.models.classifier.classifier import MODEL
from mfast_edge.models.classifier.network import Classifier
from tests.contracts.test_heads import awake

GREY = ((128 / 255,) * 3, (128 / 255,) * 3)  # what our graphs take off and divide by, as torchvision writes it
OURS = {
    "mobilenet_v2": "mobilenetv2",
    "mobilenet_v3_small": "mobilenetv3_small",
    "mobilenet_v3_large": "mobilenetv3_large",
    "mnasnet1_0": "mnasnet",
}


def classifier(file: Path, network: str, size: int = 64) -> Classifier:
    given = {"classes": ("a", "b", "c"), "network": network, "size": size, **MODEL.infer(shapes(file))}
    build = MODEL.build(**given)
    found = MODEL.network(build)
    assert isinstance(found, Classifier)
    MODEL.load(found, file, tensors(file))
    return found.eval()


@pytest.mark.parametrize("name", OURS)
def test_torchvision_s_weights_give_torchvision_s_last_map(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the normalisation that ours has, so that the image's rim is the same too."""
    monkeypatch.setattr("mfast_edge.networks.published.IMAGENET", GREY)
    torch.manual_seed(0)
    theirs = getattr(models, name)(weights=None)
    awake(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    image = torch.randint(0, 256, (1, 3, 64, 64)).float()
    with torch.no_grad():
        layers = theirs.eval().layers if name.startswith("mnasnet") else theirs.eval().features
        torch.testing.assert_close(
            classifier(tmp_path / "theirs.safetensors", OURS[name]).maps(image)[0],
            layers((image - 128) / 128),
            atol=2e-4,
            rtol=2e-4,
        )


def test_folded_weights_of_a_mobilenet_v1_give_the_map_of_the_detectors_backbone(tmp_path: Path) -> None:
    from mfast_edge.backbones.mobilenet_v1 import MobileNetV1

    torch.manual_seed(0)
    theirs = MobileNetV1(64, 0.25)
    file = {f"backbone.{name.replace('.conv', '')}.weight": one for name, one in folded(theirs).items()}
    biases = {name.replace("weight", "bias"): torch.randn(len(one)) for name, one in file.items()}
    save_file(file | biases, tmp_path / "v1.safetensors")
    published.separable(theirs, tmp_path / "v1.safetensors", file | biases)
    found = classifier(tmp_path / "v1.safetensors", "mobilenetv1")
    image = torch.randint(0, 256, (1, 3, 64, 64)).float()
    with torch.no_grad():
        torch.testing.assert_close(found.maps(image)[0], theirs.eval()((image - 128) / 128)[-1])


def folded(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """{path of a convolution: its weights}."""
    convs = {name: leaf for name, leaf in network.named_modules() if isinstance(leaf, torch.nn.Conv2d)}
    return {name: leaf.weight.detach().clone() for name, leaf in convs.items()}


@pytest.mark.parametrize(
    ("file", "network"), [("mobilenet_v1_025", "mobilenetv1"), ("mobilenet_v2_100", "mobilenetv2")]
)
def test_the_published_files_fit(weights: Path, file: str, network: str) -> None:
    found = weights / f"{file}_imagenet.safetensors"
    assert found.is_file()
    made = classifier(found, network)
    with torch.no_grad():
        assert made.maps(torch.rand(1, 3, 64, 64) * 255)[0].std() > 0


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    save_file(models.mobilenet_v3_small(weights=None).state_dict(), tmp_path / "theirs.safetensors")
    with pytest.raises(UserError, match=r"holds \d+ convolutions; the \d+ of this network would be right"):
        classifier(tmp_path / "theirs.safetensors", "reference")
    save_file(models.resnet18(weights=None).state_dict(), tmp_path / "res.safetensors")
    with pytest.raises(UserError, match="holds a resnet18; one of mobilenet_v1"):
        classifier(tmp_path / "res.safetensors", "resnet18")


def test_own_weights_with_other_classes_begin_the_class_head_anew(tmp_path: Path) -> None:
    torch.manual_seed(0)
    two = MODEL.build(classes=("a", "b"), network="tiny_net")
    three = MODEL.build(classes=("a", "b", "c"), network="tiny_net")
    teacher, pupil = MODEL.network(two), MODEL.network(three)
    save_file(teacher.state_dict(), tmp_path / "own.safetensors")
    said = MODEL.load(pupil, tmp_path / "own.safetensors", tensors(tmp_path / "own.safetensors"))
    assert said == "own.safetensors: all layers, class heads start anew"
    assert MODEL.labels(shapes(tmp_path / "own.safetensors")) == ("?", "?")
    image = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        assert torch.equal(teacher.eval().maps(image)[0], pupil.eval().maps(image)[0])
