"""The comparison with peers: its files are what they are called and are made once; the roof is counted right."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from export.sessions import open_session
from mfast_edge import model as models
from mfast_edge.candidate import Candidate, Step, following, start
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.opened import opened
from mfast_edge.store import carded
from tests.export.nets import Net, built, images
from tests.shows.peers import naive, ort, pruned
from tests.shows.peers.bench import Bench, workshop

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from export.to_onnx import to_onnx

    path = tmp_path_factory.mktemp("peers") / "model.onnx"
    to_onnx(built(Net), (1, 3, 64, 64), path, names=("boxes", "scores"), metadata={})
    return path


def test_onnxruntime_s_own_file_is_int8_and_close_to_float(tmp_path: Path, tiny_graph: Path) -> None:
    file = tmp_path / "int8.onnx"
    ort.quantize(tiny_graph, file, images(4))
    graph = onnx.load(file).graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    dressed = [node.input for node in graph.node if node.op_type == "DequantizeLinear"]
    weights = [(values[name], values[scale]) for name, scale, *_ in dressed if name in values]
    filters = [(found, scale) for found, scale in weights if found.ndim == 4]
    assert len(filters) == 5
    assert all(found.dtype == np.int8 and scale.shape == found.shape[:1] for found, scale in filters)
    zeros = [values[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {zero.dtype for zero in zeros} == {np.dtype(np.uint8)}
    image = images(1)[0]
    for right, got in zip(*(open_session(one, "openvino")(image) for one in (tiny_graph, file)), strict=True):
        assert np.corrcoef(right.ravel(), got.ravel())[0, 1] > 0.99


def test_a_row_is_made_once_and_anew_where_something_else_is_asked_for(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(files: Path, state: Path) -> str:
        made.append(state)
        (state / "last").write_text("half")
        (files / "model.onnx").write_bytes(b"1" * 500)
        return "model.onnx"

    one = bench_of(tmp_path)
    first = one.made("ort", ("openvino",), {"key": "a", "images": 100}, make)
    again = one.made("ort", ("openvino",), {"key": "a", "images": 100}, make)
    assert (first, len(made), first.mb) == (again, 1, 0.0005)
    other = one.made("ort", ("openvino",), {"key": "b", "images": 100}, make)
    assert len(made) == 2
    assert other.candidate.key != first.candidate.key, "quality of the one is not that of the other"
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["ort-seed3"]


def test_a_killed_row_is_no_row_and_its_state_is_gone_on_with(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def make(files: Path, state: Path) -> str:
        seen.append([path.name for path in (*files.iterdir(), *state.iterdir())])
        (state / "epoch1").write_text("")
        (files / "half").write_text("")
        if len(seen) == 1:
            raise KeyboardInterrupt
        return "half"

    one = bench_of(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        one.made("pruned", (), {"key": "a"}, make)
    assert not (tmp_path / "pruned-seed3").exists()
    one.made("pruned", (), {"key": "a"}, make)
    assert seen == [[], ["epoch1"]]


def bench_of(place: Path) -> Bench:
    """A bench whose workshop only knows its seed."""

    class Shop:
        seed = 3

        def tell(self, line: str) -> None:
            assert line.endswith("made now")

    shop: Any = Shop()
    run: Any = None
    return Bench(run, shop, place, "test")


def test_our_rows_are_called_by_their_run(tmp_path: Path) -> None:
    names = [naive.called(tmp_path / name) for name in ("ours-seed0", "seed1", "full-seed2", "ours-thin-seed0")]
    assert names == ["ours", "ours", "ours-full", "ours-thin"]


def grown(width: float, *steps: Step) -> Candidate:
    """What the steps make of a network of this width."""
    key = start("tiny", {"width": width}).key
    for step in steps:
        key = following(key, step)
    return Candidate(key, "tiny", "torch", Path(), steps)


def test_our_row_must_come_from_the_very_float_network_of_its_seed(tmp_path: Path) -> None:
    train, longer = (Step("train", "1", {"images": count}, 3, {"data": "d"}) for count in (800, 900))
    prune = Step("prune", "1", {"keep": 0.5}, 3, {"data": "d"})
    run: Any = SimpleNamespace(candidate=grown(0.5, train))
    one = replace(bench_of(tmp_path), run=run)
    naive.grown(grown(0.5, train, prune), one, tmp_path)
    for other in (grown(0.5, longer, prune), grown(0.75, train, prune), grown(0.5, prune)):
        with pytest.raises(UserError, match="does not come from the float network"):
            naive.grown(other, one, tmp_path)


def test_a_finished_run_is_a_row_beside_its_own_float_network_only(finished: Path, tmp_path: Path) -> None:
    path = next(finished.glob("tiny-*"))
    run = opened(path)
    own = carded(finished / "store" / run.final["float"]["key"])
    shop: Any = SimpleNamespace(seed=0, data=workshop(run).data, tell=lambda _line: None)
    other = grown(0.5, Step("train", "1", {"images": 900}, 0, {}))
    beside: list[Any] = [
        Bench(SimpleNamespace(candidate=one), shop, tmp_path, "test")  # type: ignore[arg-type]
        for one in (own, other)
    ]
    assert naive.ours(path, {0: beside[0]}).how["asked"] == {"key": run.candidate.key}
    with pytest.raises(UserError, match=f"does not come from the float network {other.key} of seed 0"):
        naive.ours(path, {0: beside[1]})


def test_a_recovery_is_what_was_trained_after_the_float_network() -> None:
    settings: list[tuple[str, dict[str, float]]] = [
        ("train", {"images": 22000, "lr": 6e-4}),
        ("prune", {"images": 4000, "lr": 1e-4}),
        ("quantize", {"images": 100}),
    ]
    steps = [Step(name, "1", given, 0, {}) for name, given in settings]
    assert [naive.images(step) for step in steps] == [0, 4000, 0]


def test_the_readme_s_pruning_halves_channels_and_leaves_the_heads_whole() -> None:
    model = models.find("tiny", MODELS)
    network = model.network(model.build(classes=("a", "b"), width=1))
    heads = model.heads(network)
    before = [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    outputs = [head.out_channels for head in heads]
    pruned.prune(network, torch.zeros(1, 3, 96, 96), heads, 0.5)
    after = [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [head.out_channels for head in heads] == outputs
    halved = [now for was, now in zip(before, after, strict=True) if now == was / 2]
    assert len(halved) == len(before) - len(heads)


def test_the_pruned_peer_is_fine_tuned_as_the_float_network_was_trained() -> None:
    one: Any = SimpleNamespace(run=SimpleNamespace(candidate=SimpleNamespace(lineage=[Step("train", "1", {}, 0, {})])))
    one.run.candidate.lineage[0].settings.update(
        images=22000, lr=1e-3, flips="both", precision="float32", teacher="float", logits=0.5
    )
    found = pruned.tuning(one, 4000)
    assert (found.images, found.lr, found.flips, found.precision) == (4000, 1e-3, "both", "float32")
    assert found.teacher is None


@pytest.mark.slow
@pytest.mark.skipif(find_spec("nncf") is None, reason="nncf is not here: pip install '.[peers]' brings it")
def test_a_whole_comparison_of_tiny_runs_ends_in_a_table(finished: Path, tmp_path: Path) -> None:
    """Its float network comes from the store; the second run of the command makes no row again."""
    words = ["--model", "tiny", "--plan", "tiny", "--target", "x86", "--device", "cpu", "--until", "train"]
    call("mfast_edge.compress", *words, "--out", finished, "--name", "float-seed0")
    ours = next(finished.glob("tiny-*"))
    words = ["--float", finished / "float-seed0", "--naive", finished / "float-seed0", "--ours", ours]
    show = ["tests.shows.peers", "--out", tmp_path / "peers", "--ratios", "0.3", "--images", "64", "--rounds", "5"]
    told = call(*show, *words, "--untimed")
    assert "nncf-accuracy-seed0: made now" in told
    told = call(*show, *words, "--tables", tmp_path)
    assert "made now" not in told
    found = json.loads((tmp_path / "peers.json").read_text())
    names = {one["name"] for one in found["rows"]}
    wanted = {"float-onnxruntime", "ort-onnxruntime", "ort-openvino", "nncf-mixed-openvino", "nncf-accuracy-openvino"}
    assert wanted | {"pruned-0.3-openvino", "naive-0.5-96-openvino"} <= names
    assert any(name.startswith("ours-") for name in names)
    assert all(one["forward_ms_1t"] < one["e2e_ms_1t"] and one["seeds"] == 1 for one in found["rows"])
    assert any(line.startswith("forward") for line in found["verdict"])


def call(module: str, *words: object) -> str:
    """What a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], capture_output=True, text=True, timeout=600, cwd=ROOT
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def test_a_stale_row_file_without_its_card_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "ort-seed3").mkdir()
    (tmp_path / "ort-seed3" / "model.onnx").write_text("half")

    def make(files: Path, _state: Path) -> str:
        (files / "model.onnx").write_text("whole")
        return "model.onnx"

    assert bench_of(tmp_path).made("ort", (), {}, make).file.read_text() == "whole"
