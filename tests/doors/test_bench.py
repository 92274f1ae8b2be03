"""Timing runs, candidates and graphs in the same rounds."""

from __future__ import annotations

import json
from pathlib import Path

from tests.doors.doors import door, folder, refused, without_torch

FEW = ("--rounds", 2)


def test_a_run_is_timed_in_every_runtime_without_torch(finished: Path) -> None:
    told = json.loads(without_torch("bench", folder(finished), *FEW, "--json"))
    assert [row["runtime"] for row in told["rows"]] == ["onnxruntime", "openvino"]
    for row in told["rows"]:
        parts = [row[part]["p50"] for part in ("forward", "pre", "post", "end_to_end")]
        assert min(parts) > 0
        assert row["forward_backward"] is None


def test_a_torch_candidate_is_timed_forward_and_backward(finished: Path) -> None:
    trained = json.loads((folder(finished) / "final.json").read_text())["rows"][0]["key"]
    row = json.loads(door("bench", finished / "store" / trained, *FEW, "--json").stdout)["rows"][0]
    assert row["runtime"] == "torch"
    assert row["forward_backward"]["p50"] > row["forward"]["p50"]


def test_any_graph_is_timed_and_the_table_and_file_are_written(finished: Path, tmp_path: Path) -> None:
    graph = tmp_path / "mine.onnx"
    graph.write_bytes(next(finished.glob("store/*/model.onnx")).read_bytes())
    done = door("bench", graph, folder(finished), *FEW, "--out", tmp_path / "results")
    assert done.stdout.count("| mine | ") == 2
    rows = json.loads(next((tmp_path / "results").glob("*.json")).read_text())["rows"]
    assert [row["end_to_end"] is None for row in rows] == [True, True, False, False]


def test_what_cannot_be_timed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(b"no graph")
    assert "no such file" in refused("bench", tmp_path / "gone.onnx")
    assert "not an ONNX file" in refused("bench", tmp_path / "cut.onnx")
    assert "neither a run" in refused("bench", tmp_path)
