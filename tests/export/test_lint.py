import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.errors import Unreadable
from export.lint import lint, main, summary
from export.rules import load_rules

NANO = load_rules("tensorrt-8.2")


def saved(
    path: Path, nodes: list[onnx.NodeProto], *constants: onnx.TensorProto, opset: int = 13, batch: object = 1
) -> Path:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3, 8, 8]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], list(constants))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def constant(name: str, values: object, dtype: type = np.int64) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def rules_broken(path: Path) -> list[str]:
    return [one.rule for one in lint(path, NANO)]


def test_a_clean_float_file_has_no_findings(graph: Path) -> None:
    for runtime in ("tensorrt-8.2", "onnxruntime", "openvino"):
        assert lint(graph, load_rules(runtime)) == []
    assert lint(graph, NANO.without_int8()) == []


def test_hard_swish_at_opset_14_is_found_with_what_to_do(tmp_path: Path) -> None:
    node = helper.make_node("HardSwish", ["x"], ["y"], name="act")
    opset, operator = lint(saved(tmp_path / "m.onnx", [node], opset=14), NANO)
    assert (opset.node, opset.rule) == ("graph", "opset 14, 13 at most")
    assert (operator.node, operator.rule) == ("act", "HardSwish is not among the operators of tensorrt-8.2")
    assert "HardSigmoid" in operator.instead
    assert "onnx-tensorrt 8.2-GA" in operator.source


def test_symmetric_int8_passes_and_is_refused_where_there_is_no_int8(for_tensorrt: Path) -> None:
    assert lint(for_tensorrt, NANO) == []
    (found,) = lint(for_tensorrt, NANO.without_int8())
    assert "hardware without int8" in found.rule


def test_zero_points_of_a_cpu_file_are_found(for_cpu: Path) -> None:
    broken = set(rules_broken(for_cpu))
    assert "QuantizeLinear: y_zero_point must be given, int8 and all 0" in broken
    assert "Conv: B must be an initializer" in broken


def test_a_dynamic_shape_is_found(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    assert rules_broken(saved(tmp_path / "m.onnx", [node], batch="n")) == ["its shape is dynamic"]
    assert lint(tmp_path / "m.onnx", load_rules("onnxruntime")) == []


def test_an_input_that_must_be_constant_is_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["axes"]),
        helper.make_node("Slice", ["x", "starts", "ends", "axes"], ["y"]),
    ]
    path = saved(tmp_path / "m.onnx", nodes, constant("starts", [0]), constant("ends", [1]))
    assert rules_broken(path) == ["Slice: axes must be an initializer"]


def test_a_constant_node_counts_as_an_initializer(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["axes"], value=constant("", [1])),
        helper.make_node("Slice", ["x", "starts", "ends", "axes"], ["y"]),
    ]
    path = saved(tmp_path / "m.onnx", nodes, constant("starts", [0]), constant("ends", [2**63 - 1]))
    assert rules_broken(path) == []


def test_int64_beyond_int32_is_found(tmp_path: Path) -> None:
    node = helper.make_node("Expand", ["x", "sizes"], ["y"])
    path = saved(tmp_path / "m.onnx", [node], constant("sizes", [2**31]))
    assert [(one.node, one.rule) for one in lint(path, NANO)] == [("sizes", "int64 values beyond int32")]


def test_attributes_and_outputs_are_held_to_the_rules(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["r"], mode="cubic"),
        helper.make_node("MaxPool", ["r"], ["y", "indices"], kernel_shape=[2, 2]),
    ]
    path = saved(tmp_path / "m.onnx", nodes, constant("scales", [1, 1, 2, 2], np.float32))
    assert rules_broken(path) == ["Resize: mode cubic is not known", "MaxPool: 1 output at most"]


def test_a_foreign_domain_is_found_and_a_plugin_is_not(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gelu", ["x"], ["g"], domain="com.microsoft"),
        helper.make_node("EfficientNMS_TRT", ["g"], ["y"], domain="TRT"),
    ]
    (rule,) = rules_broken(saved(tmp_path / "m.onnx", nodes))
    assert rule.startswith("com.microsoft.Gelu is not among")


def test_nodes_inside_a_branch_are_seen(tmp_path: Path) -> None:
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("NonZero", ["x"], ["b"], name="deep")], "branch", [], [out])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    path = saved(tmp_path / "m.onnx", [node], constant("c", True, np.bool_))
    assert [one.node for one in lint(path, NANO)] == ["deep", "deep"]


def test_weights_outside_the_file_are_found(graph: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(onnx.load(graph), path, save_as_external_data=True, size_threshold=0, location="m.data")
    assert "weights lie outside the file" in rules_broken(path)
    assert summary(path).external_data


def test_the_table_is_the_one_of_the_facts() -> None:
    assert len(NANO.operators) + len(NANO.restricted) == 129
    assert not set(NANO.absent) & {*NANO.operators, *NANO.restricted}


def test_the_command_says_what_a_file_is(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(graph), "--runtime", "tensorrt-8.2", "--no-int8"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "0 findings; opset 13, IR 7, 14 nodes" in line
    assert "0 Q/DQ, external data: no" in line


def test_the_command_ends_with_1_and_a_line_per_finding(for_tensorrt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(for_tensorrt), "--runtime", "tensorrt-8.2", "--no-int8"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_command_prints_json(for_tensorrt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(for_tensorrt), "--runtime", "tensorrt-8.2", "--no-int8", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert set(told["findings"][0]) == {"node", "rule", "source", "instead"}
    assert told["summary"]["opset"] == 13


def test_the_command_ends_with_2_on_the_users_mistakes(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"\x08\x07hello")
    assert main([str(bad), "--runtime", "tensorrt-8.2"]) == 2
    assert main([str(tmp_path / "none.onnx"), "--runtime", "tensorrt-8.2"]) == 2
    assert main([str(graph), "--runtime", "tensorrt-9"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_wrong_keys_of_a_runtime_file_are_named_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\npackage: p\nsource: s\nopset: many\nir: 8\nspeed: 3\n")
    with pytest.raises(Unreadable, match=r"opset: .*; speed: "):
        load_rules(path)


def test_a_runtime_of_the_users_own_is_a_yaml_file(graph: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\npackage: p\nsource: my board\nopset: 12\nir: 6\noperators: [Conv]\n")
    found = lint(graph, load_rules(path))
    assert [one.rule for one in found[:3]] == [
        "opset 13, 12 at most",
        "IR version 7, 6 at most",
        "Sub is not among the operators of mine",
    ]
