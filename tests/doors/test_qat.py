"""A plan with qat, from the front door: judged as int8 against calibration, its ranges in the final graph."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from mfast_edge import precision
from mfast_edge.run import run
from mfast_edge.store import carded
from tests.conftest import asked

PLAN = """
data: particles:60x96
budget: 100.0
stages:
  - train: {images: 800, batch: 8, lr: 3.0e-3}
  - qat: {images: 80, batch: 8, lr: 1.0e-3, calibration: 8}
  - export_onnx: {}
  - quantize: {}
timing: {rounds: 9, seconds: 0.02, warmup: 3}
"""


def test_the_ranges_that_were_trained_are_those_of_the_final_graph(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(PLAN)
    run(asked(finished, plan=str(tmp_path / "mine.yaml"), name="trained"))
    final = json.loads((finished / "trained" / "final.json").read_text())
    rows = {row["stage"]: row for row in final["rows"]}
    assert "by training it further, judged as int8" in rows["qat"]["verdict"]
    trained = carded(finished / "store" / rows["qat"]["key"])
    assert trained is not None
    known = precision.read(trained.folder)
    assert known is not None
    low, high = known.ranges["backbone.conv0/Clip"]
    graphs = list((trained.folder / "probe").glob("int8-*.onnx"))
    if rows["qat"]["keep"]:
        assert precision.read(finished / "store" / rows["quantize"]["key"]) == known
        graphs.append(finished / "store" / rows["quantize"]["key"] / "model.onnx")
    assert graphs
    for path in graphs:
        values = {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
        assert values["backbone.conv0/Clip_scale"] == pytest.approx((high - min(low, 0)) / 255, rel=1e-4)
