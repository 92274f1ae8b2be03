"""quantize, from a network of random weights: what stays in float, and what the graph takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import numpy_helper

from export.blocks import blocks
from export.intake import Scale, intake
from export.ranges import measure
from export.shape import pixels
from mfast_edge.candidate import Candidate, digest
from mfast_edge.data.index import read
from mfast_edge.dissect import Maker, Table
from mfast_edge.judge import Judge
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.pipeline import make
from mfast_edge.runners import PROBE_IMAGES
from mfast_edge.settings import canonical
from mfast_edge.stages.export_onnx import ExportOnnx
from mfast_edge.stages.qat import Qat
from mfast_edge.stages.quantize import Quantize
from mfast_edge.stages.rounding import prepare
from mfast_edge.stages.train import Train
from mfast_edge.store import Store
from mfast_edge.target import Int8
from mfast_edge.target import find as find_target
from mfast_edge.workshop import Workshop, dressing


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    runs, model = tmp_path_factory.mktemp("runs"), find("tiny", MODELS)
    data = read("particles:24x96", cache=runs / "data", seed=0)
    build = model.build(classes=data.classes)
    return Workshop(model, build, data, find_target("x86"), Store(runs), 0, "cpu", None, lambda _: None)


@pytest.fixture(scope="module")
def trained(shop: Workshop) -> Candidate:
    return make("train", Train(images=8, batch=8, precision="float32"), shop.root, shop, 0)[0]


@pytest.fixture(scope="module")
def exported(shop: Workshop, trained: Candidate) -> Candidate:
    return make("export_onnx", ExportOnnx().fitted(shop.target), trained, shop, 0)[0]


def in_float(graph: Path) -> set[str]:
    """The blocks whose weights are floats."""
    nodes = [node for node in onnx.load(graph).graph.node if node.op_type == "Conv"]
    return {node.name.rpartition("/")[0] for node in nodes if "Dequantize" not in node.input[1]}


@pytest.mark.parametrize(("block", "kind"), [("backbone.conv0", "float32"), ("heads.0", "uint8")])
def test_any_block_may_stay_in_float_the_first_one_with_its_pixels(
    block: str, kind: str, shop: Workshop, exported: Candidate
) -> None:
    said: list[str] = []
    stage = Quantize(images=4, keep_float=(block,)).fitted(shop.target)
    child, _ = make("quantize", stage, exported, replace(shop, tell=said.append), 0)
    assert pixels(child.file) == kind
    assert {name[: len(block)] for name in in_float(child.file)} == {block}
    assert any("pixels come as float32" in line for line in said) is (kind == "float32")


def test_an_autopsy_times_graphs_that_take_what_they_will_take(
    shop: Workshop, exported: Candidate, tmp_path: Path
) -> None:
    assert shop.target.int8 is not None
    plain = dressing(Quantize().fitted(shop.target), shop.target.int8)
    photos = shop.photos(exported.file, 2)
    ranges = measure(exported.file, photos, "minmax", percentile=100, symmetric=False)
    maker = Maker(exported.file, ranges, plain, tmp_path)
    first, second, *_ = blocks(exported.file)
    graphs = [maker(names) for names in ((), (first,), (second,))]
    assert [pixels(graph) for graph in graphs] == ["uint8", "float32", "uint8"]
    table = Table(shop, exported, shop.data.splits["val"][:2], "onnxruntime")
    assert all(len(table.look(graph).outputs) == 2 for graph in graphs)


@pytest.mark.parametrize("given", [{}, {"keep_float": ("heads.0",)}, {"method": "percentile", "equalise": True}])
def test_a_network_is_judged_as_the_graph_that_the_plan_makes_of_it(
    given: dict[str, Any], shop: Workshop, trained: Candidate, exported: Candidate, tmp_path: Path
) -> None:
    stage = Quantize.model_validate({"images": PROBE_IMAGES, **given}).fitted(shop.target)
    child, _ = make("quantize", stage, exported, shop, 0)
    asked = stage.model_copy(update={"images": 4})
    assert Judge(shop, 1.0, asked, tmp_path).graph(trained).read_bytes() == child.file.read_bytes()


def test_verdicts_over_other_int8_lie_apart_and_those_of_usual_settings_where_they_lay(
    shop: Workshop, trained: Candidate, exported: Candidate, tmp_path: Path
) -> None:
    def place(child: Candidate, **given: object) -> str:
        stage = Quantize.model_validate(given).fitted(shop.target)
        return Judge(shop, 1.0, stage, tmp_path).place(trained, child).name

    target = shop.target
    assert target.int8 is not None
    known = digest([target.measured, target.here, target.threads, True, target.int8.model_dump()])
    assert place(trained).endswith(f"-{known[:6]}.json")
    assert place(trained) == place(trained, images=8) != place(trained, keep_float=("heads.0",))
    assert place(exported) == place(exported, keep_float=("heads.0",))


def test_a_dressing_given_to_qat_and_to_quantize_is_what_is_judged(
    shop: Workshop, trained: Candidate, tmp_path: Path
) -> None:
    dressing = Int8(activations="int8", symmetric=True)
    small = Qat(images=8, batch=8, calibration=2, dressing=dressing).fitted(shop.target)
    rounding, _ = make("qat", small, trained, shop, 0)
    graph = Judge(shop, 1.0, Quantize(dressing=dressing).fitted(shop.target), tmp_path).graph(rounding)
    zeros = [node.input[2] for node in onnx.load(graph).graph.node if node.op_type == "QuantizeLinear"]
    values = {one.name: numpy_helper.to_array(one) for one in onnx.load(graph).graph.initializer}
    assert {values[zero].dtype.name for zero in zeros} == {"int8"}


def test_qat_rounds_pixels_as_the_graph_does_which_loses_none_of_them(
    shop: Workshop, trained: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no photo of the calibration and no batch is black or white anywhere."""
    whole = Workshop.photos
    monkeypatch.setattr(Workshop, "photos", lambda *asked: (photo.clip(50, 200) for photo in whole(*asked)))
    qat = Qat(images=16, batch=8, calibration=1, momentum=1.0).fitted(shop.target)
    made = shop.rebuilt(trained)
    ready = prepare(made, trained, qat, shop)
    ready.network.train()(torch.full_like(shop.example(made.build), 100.0).repeat(2, 1, 1, 1))
    assert (-1.0, 127 / 128) in ready.network.ranges().values()


def test_a_graph_says_what_it_takes_finds_and_where_it_cuts(shop: Workshop, exported: Candidate) -> None:
    told = {one.key: one.value for one in onnx.load(exported.file).metadata_props}
    assert told["labels"] == canonical(list(shop.data.classes))
    assert (told["score_threshold"], told["iou_threshold"]) == ("0.01", "0.5")
    assert told["size"] == str(shop.facts(exported)["height"])
    assert intake(exported.file).scale == Scale()
