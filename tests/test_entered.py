"""What bench makes of a run that ends in an engine, through stand-ins for CUDA and TensorRT; no GPU is touched."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from export import sessions
from mfast_edge import blueprint
from mfast_edge.candidate import Step, child_key, start
from mfast_edge.entered import Setting, entered
from mfast_edge.errors import UserError
from mfast_edge.raced import Protocol, race
from mfast_edge.stages.build_engine import BuildEngine
from mfast_edge.store import Store, write_json
from tests.board.conftest import FACTS, SIDE, save_graph
from tests.board.conftest import binding as binding
from tests.board.conftest import cudart as cudart
from tests.stages.test_build_engine import trt as trt

GATE = {"name": "weight", "passed": True}


@pytest.fixture
def run(trt: None, tmp_path: Path) -> Path:
    """The folder of a run that ended in a float16 engine."""
    store, root = Store(tmp_path / "runs"), start("tiny", {})
    copy = lambda parent, folder: blueprint.write(folder, blueprint.read(parent.folder))  # noqa: E731
    shop: Any = SimpleNamespace(store=store, machine="m", copy_blueprint=copy)
    export, build = (Step(name, "1", {}, 0, {}) for name in ("export_onnx", "build_engine"))
    key = child_key(root, export)
    with store.work(key) as work:
        save_graph(work.files / "model.onnx")
        blueprint.write(work.files, {"build": {}, "layers": {}, "decode": FACTS})
        graph = store.keep(work, root, export, key, "onnx")
    key = child_key(graph, build)
    with store.work(key) as work:
        BuildEngine(half=True).run(graph, work, shop)
        engine = store.keep(work, graph, build, key, "engine")
    final = {"key": key, "file": str(engine.file), "metrics": {"test": {"f1": 0.5}}, "gates": [GATE]}
    write_json(tmp_path / "runs" / "tiny-run" / "final.json", final)
    return tmp_path / "runs" / "tiny-run"


@pytest.fixture
def how(tmp_path: Path) -> Setting:
    return Setting(1, tmp_path)


def test_a_run_that_ends_in_an_engine_is_timed_in_tensorrt(run: Path, how: Setting) -> None:
    (row,) = race(entered(run, how), Protocol(rounds=2, warmup=1, seconds=0.0), 1)
    assert (row.name, row.file, row.runtime, row.versions) == (
        "tiny build_engine",
        "model.engine",
        "tensorrt",
        {"tensorrt": "10.3.0"},
    )
    assert (row.precision, row.f1, row.gates, row.batch) == ("float16", 0.5, (GATE,), 1)  # as its stamp says
    assert row.inputs == {"image": [1, 3, SIDE, SIDE]}
    for part in (row.forward, row.pre, row.post, row.end_to_end):
        assert part is not None
        assert part["p50"] > 0
    assert row.forward_backward is None


def test_an_engine_at_another_batch_is_a_row_that_says_so(run: Path, how: Setting) -> None:
    one, four = entered(run, replace(how, batches=(1, 4)))
    assert (one.row.remark, sorted(one.calls)) == ("", ["end_to_end", "forward", "post", "pre"])
    assert (four.row.batch, four.calls) == (4, {})
    assert four.row.remark == "an engine is for the batch that it was built for, 1"


def test_an_engine_without_its_gpu_is_refused_with_the_bundle_s_own_bench(
    run: Path, how: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "devices", lambda: 0)
    with pytest.raises(UserError, match=r"is an engine, and no TensorRT with a GPU is here; run\.py bench of the run"):
        entered(run, how)


def test_an_engine_of_another_gpu_or_of_other_sizes_is_refused(
    run: Path, how: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"input image is 1x3x32x32, 1x3x8x8 was given"):
        entered(run, replace(how, sizes={"image": (1, 3, 8, 8)}))
    monkeypatch.setenv("STANDIN_GPU", "Another X2")
    with pytest.raises(UserError, match="built for GPU Stand-in X1, and here is Another X2"):
        entered(run, how)


def test_an_engine_has_no_score_beside_a_float_network_on_the_cpu(run: Path, how: Setting) -> None:
    with pytest.raises(UserError, match=r"--score: .* is an engine, whose time is a GPU's"):
        entered(run, replace(how, score=True))


def test_an_engine_is_timed_without_torch(run: Path, how: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (entry,) = entered(run, how)
    assert entry.calls
