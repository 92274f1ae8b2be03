"""The doctor: of a model before it is trained, of any ONNX file; its findings as lines and as JSON, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import typer
from onnx import TensorProto, helper

from mfast_edge.doctor import doctor
from mfast_edge.errors import UserError
from tests.doors.doors import refused, without_torch


def hard_swish(path: Path) -> Path:
    """A foreign file: two hard swishes at opset 14, of any batch."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 8, 8]) for name in "xy"]
    nodes = [helper.make_node("HardSwish", [a], [b], name=f"{b}/act") for a, b in ("xm", "my")]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), ir_version=8)
    model.opset_import[0].version = 14
    onnx.save(model, path)
    return path


def code(**given: object) -> int:
    """The exit code of the command."""
    plain: dict[str, object] = {"file": None, "target": "jetson", "model": None, "plan": None, "set_": None}
    with pytest.raises(typer.Exit) as end:
        doctor(**{**plain, "json_": False, **given})  # type: ignore[arg-type]
    return end.value.exit_code


def test_a_foreign_file_is_told_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code(file=hard_swish(tmp_path / "m.onnx")) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "tensorrt-8.2: opset 1 to 13, 129 operators" in lines[1]
    assert "m.onnx: opset 14, IR 8, 2 nodes (HardSwish 2), 0 Q/DQ, external data: no" in lines[2]
    opset, shape, act, end = lines[3:]
    assert opset.startswith("graph: opset 14, 13 at most; instead: export again with opset 13 [onnx-tensorrt 8.2")
    assert shape.startswith("x: its shape is dynamic; instead: ")
    assert act.startswith("m/act and 1 more: HardSwish is not among the operators of tensorrt-8.2; instead: x * Hard")
    assert end == "4 findings for jetson"


def test_json_is_a_list_of_findings_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code(file=hard_swish(tmp_path / "m.onnx"), json_=True) == 1
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert [one["node"] for one in found] == ["graph", "x", "m/act", "y/act"]
    assert all(set(one) == {"node", "rule", "source", "instead"} for one in found)
    assert "4 findings for jetson" in told.err


def test_a_file_that_the_device_takes_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code(file=hard_swish(tmp_path / "m.onnx"), target="x86", json_=True) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_later_versions_and_unknown_ones_are_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = hard_swish(tmp_path / "m.onnx")
    assert code(file=file, target="jetson_orin_nano") == 1
    assert "judged by the operators of TensorRT 10.1" in capsys.readouterr().out
    assert code(file=file, target="x86_gpu") == 1
    out = capsys.readouterr().out
    assert "tensorrt-11: which operators TensorRT 11 takes was not looked up" in out
    assert out.endswith("2 findings for x86_gpu; not known for tensorrt-11 but for what it has removed\n")


def test_a_model_is_looked_at_before_it_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert code(model="tiny") == 0
    assert code(model="tiny", target="jetson_orin_nano", plan="tiny") == 0
    assert code(model="tiny", set_=["export_onnx.opset=14"], json_=True) == 1
    out = capsys.readouterr().out
    assert json.loads(out[out.index("[\n") :])[0]["rule"] == "opset 14, 13 at most"


def test_a_network_in_yaml_is_looked_at_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert code(model="tiny_net") == 0
    assert capsys.readouterr().out.endswith("0 findings for jetson\n")
    assert code(model="tiny_net", set_=["export_onnx.opset=14"]) == 1


def test_an_export_that_cannot_be_made_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert code(model="tiny", set_=["export_onnx.opset=9"]) == 1
    assert "graph: opset 9 given; instead: 11 or more would be right" in capsys.readouterr().out


def test_a_dressing_that_the_board_cannot_hold_is_found_in_the_graph_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dressing = "quantize.dressing={activations: uint8, symmetric: false}"
    assert code(model="tiny", target="jetson_orin_nano", set_=[dressing]) == 1
    assert "QuantizeLinear: y_zero_point must be given, int8 and all 0" in capsys.readouterr().out


def test_int8_that_a_plan_asks_for_in_vain_is_a_finding_of_that_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert code(model="tiny", plan="tiny", json_=True) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["node"] == "plan tiny"
    assert "has no int8" in found["rule"]
    assert "float graph" in found["instead"]


def test_a_device_alone_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert code() == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "float32, float16, 4 GB, Python 3.6" in first
    assert "workspace by max_workspace_size" in second


def test_a_device_of_the_user_s_own_is_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "cramped.yaml"
    mine.write_text("same_as: jetson_orin_nano\nmemory_gb: 2\n")
    assert code(model="tiny", target=str(mine)) == 1
    assert "building takes about 2.1 GB, the device has 2" in capsys.readouterr().out


def test_a_file_is_read_without_torch(tmp_path: Path) -> None:
    assert "0 findings for x86" in without_torch("doctor", str(hard_swish(tmp_path / "m.onnx")))


def test_arguments_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(UserError, match="one of the two would be right"):
        doctor(file=Path("m.onnx"), model="tiny")
    with pytest.raises(UserError, match="without --model"):
        doctor(plan="quick")
    with pytest.raises(UserError, match="'toaster' is not known"):
        doctor(target="toaster")


def test_a_file_that_is_no_onnx_is_refused_in_one_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"\x08\x07hello")
    assert "cannot be read as ONNX" in refused("doctor", str(bad))
    with pytest.raises(UserError, match=r"no such file; give an \.onnx file"):
        doctor(file=tmp_path / "none.onnx")
