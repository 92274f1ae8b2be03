"""Timing runs, candidates, graphs and untrained models in the same rounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from tests.doors.doors import door, folder, refused, without_torch
from tests.export.test_shape import HERE, foreign

FEW = ("--rounds", 2, "--warmup", 1)


def rows(*words: object) -> list[dict[str, Any]]:
    """The rows that the command prints as JSON."""
    done = door("bench", *words, *FEW, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return found


def test_a_run_is_timed_in_every_runtime_without_torch(finished: Path) -> None:
    told = json.loads(without_torch("bench", folder(finished), *FEW, "--json"))
    assert [row["runtime"] for row in told["rows"]] == ["onnxruntime", "openvino"]
    for row in told["rows"]:
        parts = [row[part]["p50"] for part in ("forward", "pre", "post", "end_to_end")]
        assert min(parts) > 0
        assert (row["forward_backward"], row["score"], row["batch"]) == (None, None, 1)
        assert row["f1"] is not None
        assert [gate["name"] for gate in row["gates"]][:1] == ["weight"]
    assert {"load", "mhz", "throttled", "busy"} <= set(told["before"]) & set(told["after"])


def test_a_torch_candidate_is_timed_forward_and_backward(finished: Path) -> None:
    trained = json.loads((folder(finished) / "final.json").read_text())["rows"][0]["key"]
    one, two = rows(finished / "store" / trained, "--batch", "1,2")
    assert (one["runtime"], one["batch"], two["batch"]) == ("torch", 1, 2)
    assert one["forward_backward"]["p50"] > one["forward"]["p50"]
    assert (one["end_to_end"] is None, two["end_to_end"] is None) == (False, True)
    assert two["forward_backward"]["p50"] > 0


def test_a_run_beside_its_float_network_has_a_score_and_the_float_network_s_is_one(finished: Path) -> None:
    found = rows(folder(finished), "--score", "--memory")
    base = [row for row in found if row["name"] == "tiny train"]
    assert min(row["score"] for row in base) == pytest.approx(1.0)
    assert len(found) == 2 * len(base)
    assert all(row["score"] > 0 for row in found)
    assert all(row["memory"]["peak"] > row["memory"]["before"] > 0 for row in found)


def test_any_graph_is_timed_and_the_table_and_file_are_written(finished: Path, tmp_path: Path) -> None:
    graph = tmp_path / "mine.onnx"
    graph.write_bytes(next(finished.glob("store/*/model.onnx")).read_bytes())
    asked = ("--threads", "1,2", "--single-stream", "--queries", 3, "--seconds", 0)
    done = door("bench", graph, folder(finished), *FEW, *asked, "--out", tmp_path / "results")
    assert done.stdout.count("| mine | ") == 2 * 2 * len(HERE)  # threads, tables, runtimes
    assert "single stream of 3 queries in 0 s; MLPerf's rule is 1024 queries and 600 s" in done.stdout
    found = json.loads(next((tmp_path / "results").glob("*.json")).read_text())["rows"]
    assert [row["threads"] for row in found] == [1] * 4 + [2] * 4
    assert [row["end_to_end"] is None for row in found] == [True, True, False, False] * 2


def test_a_foreign_graph_of_any_names_types_and_open_sizes_is_timed(tmp_path: Path) -> None:
    graph = foreign(tmp_path / "odd.onnx", ["n", "h", "w", 3], TensorProto.UINT8)
    assert "pixels is ?x?x?x3, sizes left open; give them: --size pixels=" in refused("bench", graph, *FEW)
    found = rows(graph, "--size", "8x12", "--batch", "1,4")
    inputs = [{"pixels": [batch, 8, 12, 3], "threshold": [1]} for batch in (1, 4) for _ in HERE]
    told = [row["inputs"] | {"threshold": [1]} for row in found]
    assert told == inputs
    assert all(row["forward"] for row in found if row["batch"] == 1)


def test_models_are_timed_untrained(tmp_path: Path) -> None:
    data = ("--data", "particles:12x96")
    found = rows("--models", "tiny", "--modes", "eager", "--precisions", "float32", *data, "--out", tmp_path)
    assert [(row["how"], row["fused"]) for row in found if row["runtime"] == "torch"] == [
        ("eager", False),
        ("eager", True),
    ]
    assert len(json.loads(next(tmp_path.glob("*.json")).read_text())["rows"]) == len(found)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gone.onnx"], "no such file"),
        (["cut.onnx"], "cannot be read as ONNX"),
        (["."], "neither a run"),
        ([], "files, or --models"),
        (["cut.onnx", "--device", "cuda"], "--device: does nothing with files"),
        (["--models", "tiny", "--modes", "cuda-graphs"], "'cuda-graphs' given for cpu"),
        (["cut.onnx", "--threads", "0"], "--threads: '0' given"),
        (["cut.onnx", "--data", "particles:12x96"], "--data: does nothing with files"),
        (["cut.onnx", "--seconds", "0"], "--seconds: does nothing without --single-stream"),
    ],
)
def test_what_cannot_be_timed_is_refused(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.onnx").write_bytes(b"no graph")
    assert sentence in refused("bench", *words)
