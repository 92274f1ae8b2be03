"""What int8 costs and pays, block by block, of a finished run; its file chooses the blocks of another."""

from __future__ import annotations

import json
from pathlib import Path

import onnx

from tests.conftest import asked
from tests.doors.doors import door, folder, refused


def test_every_block_is_held_against_int8_and_the_file_chooses_for_quantize(finished: Path, tmp_path: Path) -> None:
    from mfast_edge.run import run

    file = tmp_path / "autopsy.json"
    done = door("autopsy", folder(finished), "--photos", 8, "--rounds", 5, "--most", 2, "--out", file)
    assert done.returncode == 0, done.stderr
    told = json.loads(file.read_text())
    names = [row["block"] for row in told["rows"]]
    assert names[0] == "backbone.conv0"
    assert {"backbone.block5", "extras.0", "heads.2"} <= set(names)
    assert all(f"| {name} |" in done.stdout for name in names)
    assert told["int8"]["box_error"] > 0 == told["float"]["box_error"]
    assert len({row["score_error"] for row in told["rows"]}) > 2
    assert done.stdout.strip() == file.with_suffix(".md").read_text().strip()
    told["front"] = [{"keep_float": ["backbone.block3"], "map": 100.0, "ms": 1.0}]
    file.write_text(json.dumps(told))
    run(asked(finished, name="mixed", set=(f"quantize.mixed={{autopsy: {file}}}",)))
    final = json.loads((finished / "mixed" / "final.json").read_text())
    graph = onnx.load(finished / "store" / final["rows"][-1]["key"] / "model.onnx")
    weights = {node.name: node.input[1] for node in graph.graph.node if node.op_type == "Conv"}
    plain = {name.partition(".pointwise")[0] for name, weight in weights.items() if "Dequantize" not in weight}
    assert {name.partition(".depthwise")[0] for name in plain} == {"backbone.block3"}


def test_an_autopsy_needs_data_and_an_int8_target(finished: Path) -> None:
    key = json.loads((folder(finished) / "final.json").read_text())["key"]
    assert "no data given" in refused("autopsy", finished / "store" / key)
    assert "jetson has no int8" in refused("autopsy", folder(finished), "--target", "jetson")
