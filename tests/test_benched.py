"""Bench's options, and the zoo without any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.results import Results
from mfast_edge.benched import Asked, benched, listed, named, numbers, order, sizes_of, stream
from mfast_edge.entered import at
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.raced import Protocol
from mfast_edge.ways import ways

FEW = Protocol(rounds=1, warmup=1, seconds=0.0)
ASKED = Asked((), "tiny", "cpu", "eager", "float32", "particles:12x96", (), "1", "", (), False, FEW, "command")


def test_graphs_of_the_same_name_in_folders_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    """Two runs' bundles at another batch: each is timed, not one of them twice."""
    made = []
    for run, kind in (("a", "Relu"), ("b", "Neg")):
        file = tmp_path / run / "bundle" / "export_onnx.onnx"
        file.parent.mkdir(parents=True)
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
        graph = helper.make_graph([helper.make_node(kind, ["x"], ["y"])], "g", ends[:1], ends[1:])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)
        made.append(at(file, {"x": (2, 3)}, tmp_path))
    assert [onnx.load(file).graph.node[0].op_type for file in made] == ["Relu", "Neg"]


def test_numbers_are_read_once_each() -> None:
    assert numbers("4, 1,4", "--batch") == (4, 1)
    assert numbers("", "--batch") == ()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_numbers_below_one_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--threads: .* whole numbers from 1"):
        numbers(text, "--threads")


def test_sizes_are_of_a_named_input_or_of_all_images() -> None:
    assert sizes_of("pixels=1x3x20x30") == ("pixels", (1, 3, 20, 30))
    assert sizes_of("20x30") == ("", (20, 30))
    assert sizes_of("20") == ("", (20, 20))
    assert sizes_of("ids=1") == ("ids", (1,))


@pytest.mark.parametrize("text", ["", "20x", "ax3", "1x3x20x30", "=3x3", "a=0x3"])
def test_sizes_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--size: .* would be right"):
        sizes_of(text)


def test_models_are_named_or_all() -> None:
    assert named("all") == tuple(MODELS)
    assert named("tiny_net,some.yaml") == ("tiny_net", "some.yaml")
    assert named("ssd_mbv1, tiny") == ("ssd_mbv1", "tiny") == listed("ssd_mbv1,tiny,")
    with pytest.raises(UserError, match="--models: 'ssd' is not a model; known: centernet"):
        named("ssd")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"models": ""}, "files, or --models"),
        ({"what": (Path("a.onnx"),)}, "files, or --models"),
        ({"size": ("3",)}, "--size: does nothing with --models"),
        ({"score": True}, "--score: does nothing with --models"),
        ({"models": "", "what": (Path("a.onnx"),)}, "--modes: does nothing with files"),
        ({"models": "", "what": (Path("a.onnx"),), "modes": "", "precisions": ""}, "--data: does nothing with files"),
        ({"set": ("train.images=3",)}, "--set: train.images given"),
        ({"set": ("model.sise=3",)}, "no setting 'sise'"),
        ({"modes": "cuda-graphs"}, "'cuda-graphs' given for cpu"),
        ({"models": "ssd"}, "'ssd' is not a model"),
    ],
)
def test_options_that_do_nothing_or_do_not_exist_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        benched(replace(ASKED, **change), lambda made: None)


def test_a_single_stream_lasts_by_mlperf_s_rule_unless_told_otherwise() -> None:
    assert stream(True, None, None) == (1024, 600.0)
    assert stream(True, 3, 0.0) == (3, 0.0)
    assert stream(False, None, None) is None


@pytest.mark.parametrize(("given", "option"), [((3, None), "--queries"), ((None, 0.0), "--seconds")])
def test_the_length_of_a_stream_that_nobody_asked_for_is_refused(
    given: tuple[int | None, float | None], option: str
) -> None:
    with pytest.raises(UserError, match=f"{option}: does nothing without --single-stream"):
        stream(False, *given)


def test_models_are_calibrated_on_particles_where_no_data_are_given() -> None:
    assert order(replace(ASKED, data="")).data == "particles:48x300"
    assert order(ASKED).data == "particles:12x96"


def test_a_gpu_that_is_not_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device: cuda was asked for and none is here"):
        benched(replace(ASKED, device="cuda", modes="", precisions=""), lambda made: None)


@pytest.fixture(scope="module")
def kept() -> list[Results]:
    made: list[Results] = []
    asked = replace(ASKED, batch="1,2", modes="eager,channels-last", precisions="")
    assert benched(asked, made.append).rows == made[-1].rows
    return made


def test_a_model_has_a_row_for_every_way_and_batch_and_graphs_in_every_runtime(kept: list[Results]) -> None:
    rows = kept[-1].rows
    in_torch = [(row.batch, row.how, row.precision, row.fused) for row in rows if row.runtime == "torch"]
    wanted = ways("cpu", ("eager", "channels-last"))
    assert in_torch == [(batch, way.mode, way.precision, way.fused) for batch in (1, 2) for way in wanted]
    graphs = {(row.runtime, row.precision, row.fused, row.batch) for row in rows if row.runtime != "torch"}
    for batch in (1, 2):
        assert {("onnxruntime", "float32", fused, batch) for fused in (True, False)} < graphs
        assert ("onnxruntime", "int8", True, batch) in graphs
    assert not [row.remark for row in rows if row.remark]


def test_torch_has_the_backward_and_no_graph_has(kept: list[Results]) -> None:
    for row in kept[-1].rows:
        assert row.forward is not None
        assert (row.forward_backward is None) == (row.runtime != "torch")
        assert row.inputs["image"][0] == row.batch


def test_the_notes_say_what_was_calibrated_on(kept: list[Results]) -> None:
    assert "weights are random" in kept[-1].notes[0]
    assert "particles:12x96" in kept[-1].notes[0]
