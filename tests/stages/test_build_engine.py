"""build_engine through stand-ins for CUDA and TensorRT, and its refusals; no GPU is touched."""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from export.board import buffers
from export.errors import Unreadable
from export.sessions import open_session
from mfast_edge import blueprint, judge, plan, proof, proxy, run, target
from mfast_edge.candidate import Candidate
from mfast_edge.errors import UserError
from mfast_edge.judge import Judge
from mfast_edge.stages.build_engine import BuildEngine
from mfast_edge.store import Store, Work
from mfast_edge.tasks import detect as task
from mfast_edge.timed import Timed
from mfast_edge.verdict import Names
from tests.board.conftest import FACTS, save_graph
from tests.board.conftest import binding as binding
from tests.board.conftest import cudart as cudart
from tests.conftest import asked

RAN = {"train": "onnxruntime", "export_onnx": "onnxruntime", "build_engine": "tensorrt"}
PLAN = "data: particles:60x96\nstages:\n  - train: {images: 8}\n  - export_onnx: {}\n  - build_engine: {}\n"


@pytest.fixture
def trt(cudart: Path, binding: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT 10.3 and a GPU, as far as this process can tell."""
    monkeypatch.setenv("STANDIN", "10.3")
    monkeypatch.setattr(buffers, "CUDART", (str(cudart / "libcudart.so"),))
    monkeypatch.syspath_prepend(str(binding))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    importlib.invalidate_caches()


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    copy = lambda parent, folder: blueprint.write(folder, blueprint.read(parent.folder))  # noqa: E731
    return SimpleNamespace(store=Store(tmp_path / "runs"), machine="m", copy_blueprint=copy, task=task)


@pytest.fixture
def graph(tmp_path: Path) -> Candidate:
    folder = tmp_path / "graph"
    folder.mkdir()
    save_graph(folder / "model.onnx")
    blueprint.write(folder, {"build": {}, "layers": {}, "decode": FACTS})
    return Candidate("g", "tiny", "onnx", folder, ())


def built(stage: BuildEngine, parent: Candidate, shop: Any, tmp_path: Path) -> Candidate:
    work = Work(tmp_path / "engine", tmp_path / "state")
    work.files.mkdir()
    stage.run(parent, work, shop)
    return Candidate("e", "tiny", "engine", work.files, ())


def test_an_engine_opened_as_a_session_computes_its_graph(
    trt: None, shop: Any, graph: Candidate, tmp_path: Path
) -> None:
    child = built(BuildEngine(half=True), graph, shop, tmp_path)
    assert sorted(path.name for path in child.folder.iterdir()) == [
        "blueprint.json",
        "model.engine",
        "model.engine.json",
    ]
    session = open_session(child.file, "tensorrt")
    assert (session.runtime, session.versions, session.pixels) == ("tensorrt", {"tensorrt": "10.3.0"}, "float32")
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 32, 32)).astype(np.float32)
    wanted = open_session(graph.file, "onnxruntime")(image)
    for one, other in zip(session(image), wanted, strict=True):
        assert np.array_equal(one, other)
    assert (shop.store.root / "machines" / "m" / "tactics.cache").is_file()


def test_an_engine_of_another_machine_is_refused(
    trt: None, shop: Any, graph: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = built(BuildEngine(half=False), graph, shop, tmp_path)
    monkeypatch.setenv("STANDIN_GPU", "Another X2")
    with pytest.raises(Unreadable, match="built for GPU Stand-in X1, and here is Another X2; building it again"):
        open_session(child.file, "tensorrt")


def test_tensorrt_opens_no_graph(trt: None, graph: Candidate) -> None:
    with pytest.raises(Unreadable, match=r"an \.engine file"):
        open_session(graph.file, "tensorrt")


def test_the_machine_is_in_the_key(trt: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfast_edge.workshop import Workshop

    empty: Any = SimpleNamespace(data=SimpleNamespace(digest=""), init=None, target=None)
    one = Workshop.digests(empty, ("engine",))
    assert one == Workshop.digests(empty, ("engine",))
    monkeypatch.setenv("STANDIN_GPU", "Another X2")
    assert one != Workshop.digests(empty, ("engine",))


def test_float_graphs_become_float16_where_the_target_has_it() -> None:
    assert BuildEngine().fitted(target.find("jetson")).half
    assert not BuildEngine(half=False).fitted(target.find("jetson")).half


def test_without_a_gpu_it_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    monkeypatch.setattr(run, "furnish", lambda *_: pytest.fail("data were read"))
    with pytest.raises(UserError, match=r"build_engine: tensorrt: .*the bundle's run\.py builds it on the device"):
        run.run(asked(tmp_path / "runs", plan=str(tmp_path / "plan.yaml"), target="jetson"))


def test_float16_that_this_tensorrt_does_not_choose_is_refused_before_any_training(
    trt: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN", "11.4")
    (tmp_path / "plan.yaml").write_text(PLAN)
    read = [
        plan.read(str(tmp_path / "plan.yaml"), target.find("x86_gpu"), dict(given))
        for given in ({}, {"build_engine.precision": "float32"}, {"build_engine.half": False})
    ]
    with pytest.raises(UserError, match=r"TensorRT 11\.4\.0\.106 takes types as they stand.*cast_fp16 before it"):
        run.check_engine(read[0])
    for one in read[1:]:
        run.check_engine(one)
    monkeypatch.setenv("STANDIN", "10.3")
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    run.check_engine(read[0])


def test_a_target_without_tensorrt_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    with pytest.raises(UserError, match="build_engine: x86 CPU runs onnxruntime, openvino; leave the stage out"):
        plan.read(str(tmp_path / "plan.yaml"), target.find("x86"), {})


@pytest.mark.parametrize(("share", "points", "keep"), [(1.0, 0.2, True), (0.9, 0.2, False), (1.0, 1.4, False)])
def test_the_judge_keeps_an_engine_that_finds_what_its_graph_finds_within_the_budget(
    trt: None, shop: Any, graph: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float,
    points: float, keep: bool,
) -> None:  # fmt: skip
    child = built(BuildEngine(half=False), graph, shop, tmp_path)
    looked = SimpleNamespace(found=None, quality=SimpleNamespace(to_json=dict))
    monkeypatch.setattr(judge, "parity", lambda *_: {"share": share, "detections": 1000, "worst_score_delta": 0.0})
    monkeypatch.setattr(judge, "as_file", lambda *_: looked)
    monkeypatch.setattr(judge, "as_torch", lambda *_: looked)
    monkeypatch.setattr(judge, "lost", lambda *_: {"points": points, "low": 0.0, "high": 2.0})
    from benchmarks import timing

    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    shop.target = target.find("x86_gpu")
    shop.time = lambda calls: timing.measure(calls, rounds=1, warmup=1, seconds=0.0)
    verdict = Judge(shop, 1.0, None, tmp_path).built(Names("build_engine", "g", "e", "m"), graph, graph, child)
    assert verdict.keep is keep
    assert verdict.runtime == "tensorrt"
    assert verdict.ms is not None
    assert verdict.ms > 0
    assert not verdict.proxy
    shop.target = target.find("jetson")
    assert Judge(shop, 1.0, None, tmp_path).built(Names("build_engine", "g", "e", "m"), graph, graph, child).proxy


def test_an_engine_s_time_is_the_device_s_own_where_tensorrt_works_on_such_a_machine(
    trt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    pc, nano = target.find("x86_gpu"), target.find("jetson")
    assert (pc.times("tensorrt"), pc.times("onnxruntime"), pc.here) == (True, False, False)
    assert not nano.times("tensorrt")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert not pc.times("tensorrt")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(buffers, "CUDART", ())
    assert not pc.times("tensorrt")


def test_an_engine_s_row_is_no_proxy_and_is_not_scored_by_one() -> None:
    """The float network was timed in onnxruntime on the CPU: the engine's seconds are another device's."""
    real = SimpleNamespace(times=lambda runtime: runtime == "tensorrt")
    data = SimpleNamespace(splits={"test": []}, classes=())
    part = {"p50": 2.0, "spread": 0.1}
    made = {name: Timed(name, runtime, 1, {}, part, {"end_to_end": part}) for name, runtime in RAN.items()}
    looked = {name: SimpleNamespace(quality=SimpleNamespace(f1=0.5, confidence=0.5), found=[]) for name in made}
    shop: Any = SimpleNamespace(target=real, data=data, task=task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "f1_interval", lambda *_: (0.4, 0.6))
        patch.setattr(proof, "swung", lambda *_: (1.0, 2.0))
        patch.setattr(proof, "score", lambda *_, **__: 1.0)
        patch.setattr(proof, "interval", lambda *_, **__: (0.9, 1.1))
        assert sorted(proof.composite(shop, looked, made, "train")) == ["export_onnx", "train"]  # type: ignore[arg-type]
    told = {"proxy": True, "own": ["tensorrt"], "score": None}
    assert proxy.ms(told, "tensorrt") == "ms"
    assert proxy.ms(told, "onnxruntime") == "proxy ms"
    assert proxy.mixed(told, RAN.values()) == "proxy ms (in tensorrt its own)"
    assert proxy.mixed(told, ["tensorrt"]) == "ms"
    assert proxy.stood(told) == "every time but those in tensorrt is a proxy"
    assert "no score" in proxy.score(told)
    assert proxy.ms({"proxy": False}, "onnxruntime") == "ms"
