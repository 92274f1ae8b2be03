"""The bundle of a run: what is in it, and the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from export.board.manifest import read
from mfast_edge import blueprint, packed, target
from mfast_edge.candidate import Candidate
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.packed import pack
from tests.board.conftest import FACTS, run, save_graph

MODEL = find("tiny", MODELS)


def row(stage: str, form: Any, folder: Path, keep: bool = True) -> Any:
    folder.mkdir(parents=True)
    if form == "onnx":
        save_graph(folder / "model.onnx")
    blueprint.write(folder, {"build": {}, "layers": {}, "decode": FACTS})
    return SimpleNamespace(
        stage=stage, candidate=Candidate(stage[0], "tiny", form, folder, ()), verdict=SimpleNamespace(keep=keep)
    )


@pytest.fixture
def rows(tmp_path: Path) -> list[Any]:
    """train, prune rolled back, export_onnx of train."""
    made = [row("train", "torch", tmp_path / "t"), row("prune", "torch", tmp_path / "p", False)]
    return [*made, row("export_onnx", "onnx", tmp_path / "x")]


def judge(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A judge whose float graphs are these: prune's is another one."""
    save_graph(tmp_path / "thin.onnx")
    with (tmp_path / "thin.onnx").open("ab") as stream:
        stream.write(b"\x12\x05other")  # another producer's name: other bytes, the same graph
    files = {"t": tmp_path / "x" / "model.onnx", "p": tmp_path / "thin.onnx", "e": tmp_path / "x" / "model.onnx"}
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    monkeypatch.setattr(packed, "load_photo", lambda record: photo + np.uint8(record.number))
    val = [SimpleNamespace(truth=SimpleNamespace(boxes=[1]), number=number) for number in range(25)]
    shop = SimpleNamespace(
        model=MODEL, target=target.find(device), data=SimpleNamespace(splits={"val": val}),
        facts=lambda candidate: MODEL.ready(blueprint.read(candidate.folder)["decode"]),
    )  # fmt: skip
    return SimpleNamespace(shop=shop, graph=lambda candidate: files[candidate.key])


FINAL = {"key": "e", "metrics": {"val": {"confidence": 0.3}}}


def test_without_the_device_everything_that_was_compared_travels_and_nothing_twice(
    rows: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(judge("jetson", tmp_path, monkeypatch), rows, FINAL, tmp_path / "run")
    told = read(tmp_path / "run" / "bundle")
    assert {name: one["keys"] for name, one in told["graphs"].items()} == {
        "judge/prune.onnx": ["p"],
        "export_onnx.onnx": ["e", "t"],
    }
    assert told["file"] == "export_onnx.onnx"
    assert told["graphs"]["export_onnx.onnx"]["engine"] == "float16"
    assert len(told["check"]["photos"]) == 10
    readme = (tmp_path / "run" / "bundle" / "README.md").read_text()
    for step in ("nvpmodel -m 0", "jetson_clocks", "swapon", "OPENBLAS_CORETYPE=ARMV8", "nobody could run"):
        assert step in readme
    assert "{" not in readme


def test_on_the_device_itself_only_what_was_kept_travels_and_check_passes(
    rows: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judge("x86", tmp_path, monkeypatch)
    monkeypatch.setattr(type(found.shop.target), "here", True)
    pack(found, rows, FINAL, tmp_path / "run")
    bundle = tmp_path / "run" / "bundle"
    assert list(read(bundle)["graphs"]) == ["export_onnx.onnx"]
    code, out, error = run(bundle, "check", "--runtime", "onnxruntime")
    assert code == 0, error
    assert "same: " in out


def test_the_same_run_packs_the_same_bytes(rows: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judge("jetson", tmp_path, monkeypatch)
    for name in ("one", "two"):
        pack(found, rows, FINAL, tmp_path / name)
    one, two = (
        {p.relative_to(b): p.read_bytes() for p in b.rglob("*") if p.is_file()}
        for b in (tmp_path / n / "bundle" for n in ("one", "two"))
    )
    assert one == two
    assert json.loads(one[Path("manifest.json")])["model"] == "tiny"


@pytest.mark.parametrize("device", ["jetson", "x86"])
def test_a_run_that_ended_before_any_graph_says_so(
    rows: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    found = judge(device, tmp_path, monkeypatch)
    monkeypatch.setattr(type(found.shop.target), "here", device == "x86")
    pack(found, rows[:2], {**FINAL, "key": "t"}, tmp_path / "run")
    assert read(tmp_path / "run" / "bundle")["file"] is None
    code, _, error = run(tmp_path / "run" / "bundle", "check", "--runtime", "onnxruntime")
    assert code == 2
    assert error.count("\n") == 1
