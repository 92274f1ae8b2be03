"""Models × stages: what a stage wrote is rebuilt bit for bit, pruned widths and all; heads stay whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from export.pixels import taken
from mfast_edge import blueprint
from mfast_edge.changes import channels
from mfast_edge.data.index import read
from mfast_edge.data.sample import ANY, Dataset, Truth, objects
from mfast_edge.errors import UserError
from mfast_edge.latency import layers
from mfast_edge.model import Known, Model, find, settled
from mfast_edge.models import MODELS
from mfast_edge.pipeline import make
from mfast_edge.plan import stage_class
from mfast_edge.ratios import Ratio
from mfast_edge.runners import gradient, open_file
from mfast_edge.stages.decompose import Decompose
from mfast_edge.stages.export_onnx import ExportOnnx
from mfast_edge.stages.offers import offered, offers
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.qat import Qat
from mfast_edge.stages.quantize import Quantize
from mfast_edge.stages.refit import Refit
from mfast_edge.stages.replace import Choice
from mfast_edge.stages.replace import replace as replace_layers
from mfast_edge.stages.rounding import prepare
from mfast_edge.stages.train import Train
from mfast_edge.stages.widths import thin
from mfast_edge.store import Store
from mfast_edge.target import find as find_target
from mfast_edge.workshop import Built, Workshop

SMALL = {
    "centernet": {"size": 96, "width": 0.25},
    "classifier": {"network": "tiny_net"},
    "ssd_mbv1": {"size": 96, "width": 0.25},
    "ssd_mbv2": {"size": 96, "width": 0.25},
    "ssd_mbv3": {"size": 96, "width": 0.25, "variant": "small"},
    "ssd_net": {"size": 96, "network": "tiny_net"},
    "ssd_vgg16": {"size": 96, "width": 0.125},
    "tiny": {},
    "yolov1": {"size": 96, "width": 0.25, "grid": 3},
    "yolo9000": {"size": 96, "width": 0.25},
}


def shop_of(model: Model, runs: Path, cache: Path) -> Workshop:
    data = read("particles:60x96", cache=cache, seed=0)
    data = labelled(data) if model.task == "classify" else data
    given = model.build(classes=data.classes, **SMALL[model.name])
    build = settled(given, objects(data.splits["train"]))
    return Workshop(model, build, data, find_target("x86"), Store(runs), 0, "cpu", None, lambda _: None)


def labelled(data: Dataset) -> Dataset:
    """The same photos, each labelled as a whole with the class of its first object."""
    nowhere, ignored = np.full(1, ANY), np.ones(1, bool)
    splits = {
        part: tuple(
            replace(
                record,
                truth=Truth(
                    np.array([[0, 0, record.width, record.height]], np.float32),
                    nowhere,
                    ignored,
                    labels=tuple(int(kind) for kind in record.truth.classes[:1]) or (0,),
                ),
            )
            for record in records
        )
        for part, records in data.splits.items()
    }
    return replace(data, splits=splits)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(params=sorted(MODELS))
def shop(request: pytest.FixtureRequest, tmp_path: Path, cache: Path) -> Workshop:
    return shop_of(find(request.param, MODELS), tmp_path, cache)


def rebuilt(shop: Workshop, made: Built, folder: Path) -> nn.Module:
    """What `Workshop.network` makes of a written folder."""
    from mfast_edge.candidate import Candidate

    folder.mkdir(exist_ok=True)
    shop.write(made, folder)
    return shop.network(Candidate("k", shop.model.name, "torch", folder, ()))


def same(one: nn.Module, two: nn.Module, image: torch.Tensor) -> bool:
    with torch.no_grad():
        return all(torch.equal(a, b) for a, b in zip(one.eval()(image), two.eval()(image), strict=True))


def outside(made: Built, shop: Workshop) -> list[int]:
    """What comes out of each head."""
    return [len(head.get_parameter("weight")) for head in shop.model.heads(made.network)]


def macs(made: Built, shop: Workshop) -> int:
    """Multiply-adds of the layers, as pruning counts them: on small maps norms and pooling are a share of all."""
    return sum(layer.macs for layer in layers(made.network.eval(), shop.example(made.build)))


def test_a_fresh_network_is_rebuilt_bit_for_bit(shop: Workshop, tmp_path: Path) -> None:
    made = shop.fresh()
    assert same(made.network, rebuilt(shop, made, tmp_path / "c"), torch.rand_like(shop.example(made.build)) * 255)


def test_a_pruned_network_is_rebuilt_bit_for_bit_and_its_heads_are_whole(shop: Workshop, tmp_path: Path) -> None:
    made = shop.fresh()
    widths = outside(made, shop)
    before = macs(made, shop)
    thin(made, Prune(keep=0.6, batches=1, looks=1, batch=8, round_to=4), shop, tmp_path)
    assert macs(made, shop) <= 0.6 * before
    assert outside(made, shop) == widths
    assert same(made.network, rebuilt(shop, made, tmp_path / "c"), torch.rand_like(shop.example(made.build)) * 255)


def halved(made: Built, shop: Workshop) -> list[Choice]:
    """Every layer replaced, as if the clock had found all offers faster."""
    settings = Decompose(share=0.5, error=1.0, photos=2, round_to=4)
    known = {
        offer: Ratio(0.5, 0.5, 0.5)
        for path, layer in offered(made.network).items()
        for offer in offers(path, layer, settings)
    }
    return replace_layers(made, settings, known, shop)


def test_a_decomposed_network_is_rebuilt_bit_for_bit_and_its_heads_are_whole(shop: Workshop, tmp_path: Path) -> None:
    made = shop.fresh()
    widths = outside(made, shop)
    choices = halved(made, shop)
    assert choices
    assert all(choice.taken for choice in choices)
    assert outside(made, shop) == widths
    assert "Sequential" in {spec["type"] for spec in blueprint.layers(made.network).values()}
    assert same(made.network, rebuilt(shop, made, tmp_path / "c"), torch.rand_like(shop.example(made.build)) * 255)


def test_a_decomposed_network_can_be_pruned(shop: Workshop, tmp_path: Path) -> None:
    made = shop.fresh()
    halved(made, shop)
    widths = outside(made, shop)
    before = macs(made, shop)
    thin(made, Prune(keep=0.9, batches=1, looks=1, batch=8, round_to=16), shop, tmp_path)
    assert macs(made, shop) < before
    assert outside(made, shop) == widths
    assert same(made.network, rebuilt(shop, made, tmp_path / "c"), torch.rand_like(shop.example(made.build)) * 255)


def test_a_decomposed_network_can_be_taught(shop: Workshop) -> None:
    made, images = shop.fresh(), shop.example(shop.build).repeat(2, 1, 1, 1)
    halved(made, shop)
    facts = shop.model.ready(shop.model.facts(made.build))
    lesson = shop.model.lesson(Known(made.network, facts), Known(shop.fresh().network, facts), 1.0, 1.0)
    _, terms = lesson(made.network, images)
    assert all(torch.isfinite(term) for term in terms.values())


def test_another_size_takes_kernels_and_strides_of_its_own(shop: Workshop, tmp_path: Path) -> None:
    made = Refit(size=160, anchors="matched", images=0).made(shop.fresh(), shop)
    image = torch.rand(1, 3, 160, 160) * 255
    assert same(made.network, rebuilt(shop, made, tmp_path / "c"), image)


def test_a_decomposed_network_is_not_refitted(shop: Workshop) -> None:
    made = shop.fresh()
    halved(made, shop)
    with pytest.raises(UserError, match="refit, decompose would be right"):
        Refit(images=0).made(made, shop)


def test_the_gradient_at_batch_1_reaches_every_parameter(shop: Workshop) -> None:
    made = shop.fresh()
    gradient(made.network, shop.example(made.build))()
    assert all(parameter.grad is not None for parameter in made.network.parameters())


@pytest.mark.parametrize("name", ["prune", "distill", "refit"])
def test_a_stage_learns_from_the_run_s_float_network_or_from_a_stored_one(name: str, shop: Workshop) -> None:
    """Both weights; the teacher of another size is the same model as built by another run."""
    small = {"images": 8, "batch": 8, "precision": "float32"}
    bare, _ = make("train", Train.model_validate(small), shop.root, shop, 0)
    other = replace(shop, build=shop.build.model_copy(update={"size": 128}), known={})
    larger, _ = make("train", Train.model_validate(small), other.root, other, 0)
    given = {**small, "features": 1.0} | ({"keep": 0.8, "batches": 2, "round_to": 4} if name == "prune" else {})
    kind = stage_class(name)
    found = {}
    for teacher in ("float", larger.key):
        child, _ = make(name, kind.model_validate({**given, "teacher": teacher}), bare, shop, 0)
        assert child.lineage[-1].reads["teacher"] == (bare.key if teacher == "float" else teacher)
        found[child.key] = child.file.read_bytes()
    assert len(found) == len(set(found.values())) == 2


def test_pruned_widths_are_multiples_of_what_was_asked(shop: Workshop, tmp_path: Path) -> None:
    made = shop.fresh()
    untouched = blueprint.layers(made.network)
    thin(made, Prune(keep=0.6, batches=1, looks=1, batch=8, round_to=8), shop, tmp_path)
    widths = {path: channels(spec) for path, spec in blueprint.layers(made.network).items()}
    thinner = [width for path, width in widths.items() if width != channels(untouched[path])]
    assert thinner
    assert all(width % 8 == 0 for width in thinner)


def step_of(file: Path, name: str) -> float:
    """What one step of an output's 8 bits is worth: it may share its scale with the tensor that it was moved from."""
    graph = onnx.load(file).graph
    last = next(node for node in graph.node if name in node.output)
    scale = next(one for one in graph.initializer if one.name == last.input[1])
    return float(onnx.numpy_helper.to_array(scale))


def test_what_qat_trained_is_rebuilt_bit_for_bit_and_its_int8_graph_rounds_as_it_did(shop: Workshop) -> None:
    small = {"batch": 8, "lr": 1e-3, "precision": "float32"}
    trained, _ = make("train", Train(images=16, **small), shop.root, shop, 0)
    stage = Qat(images=24, calibration=4, teacher="float", **small).fitted(shop.target)
    candidate, _ = make("qat", stage, trained, shop, 0)
    made = shop.rebuilt(trained)
    ready = prepare(made, trained, stage, shop)
    with TemporaryDirectory() as folder:
        shop.train(Built(ready.network, made.build), stage, Path(folder), trained)
    exported, _ = make("export_onnx", ExportOnnx().fitted(shop.target), candidate, shop, 0)
    int8, _ = make("quantize", Quantize().fitted(shop.target), exported, shop, 0)
    image = torch.from_numpy(next(shop.photos(exported.file, 1)))
    assert same(made.network, shop.network(candidate), image)
    with torch.no_grad():
        rounded = ready.network.eval()(image)
    graph = open_file(int8.file, "onnxruntime", 1)(taken(image.numpy(), "uint8"))
    for name, one, two in zip(shop.model.outputs, rounded, graph, strict=True):
        assert float((one - torch.from_numpy(two)).abs().max()) <= 2.01 * step_of(int8.file, name)


def test_a_blueprint_with_an_unknown_leaf_is_refused() -> None:
    from mfast_edge.errors import Unfinished

    with pytest.raises(Unfinished, match="known leaves"):
        blueprint.restore(nn.Sequential(nn.Conv2d(1, 1, 1)), {"0": {"type": "os.system"}})
