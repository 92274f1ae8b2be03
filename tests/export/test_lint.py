from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.lint import cramped, lint, summary
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
    assert lint(graph, NANO.on(["float32", "float16"])) == []


def test_hard_swish_at_opset_14_is_found_with_what_to_do(tmp_path: Path) -> None:
    node = helper.make_node("HardSwish", ["x"], ["y"], name="act")
    opset, operator = lint(saved(tmp_path / "m.onnx", [node], opset=14), NANO)
    assert (opset.node, opset.rule) == ("graph", "opset 14, 13 at most")
    assert (operator.node, operator.rule) == ("act", "HardSwish is not among the operators of tensorrt-8.2")
    assert "HardSigmoid" in operator.instead
    assert "onnx-tensorrt 8.2-GA" in operator.source


def test_symmetric_int8_passes_and_is_refused_where_there_is_no_int8(for_tensorrt: Path) -> None:
    assert lint(for_tensorrt, NANO) == []
    (found,) = lint(for_tensorrt, NANO.on(["float32", "float16"]))
    assert "hardware without int8" in found.rule


def test_zero_points_of_a_cpu_file_are_found(for_cpu: Path) -> None:
    broken = set(rules_broken(for_cpu))
    assert "QuantizeLinear: y_zero_point must be given, int8 and all 0" in broken
    assert "Conv: B must be an initializer" in broken
    advice = {one.instead for one in lint(for_cpu, NANO) if one.rule == "Conv: B must be an initializer"}
    assert advice == {"leave it in float when quantizing"}


def test_of_a_quantized_file_nothing_is_to_be_mended_where_there_is_no_int8(for_cpu: Path) -> None:
    rules = [one.rule for one in lint(for_cpu, NANO.on(["float32", "float16"]))]
    assert len([rule for rule in rules if "hardware without int8" in rule]) == 1
    assert not [rule for rule in rules if "initializer" in rule or "y_zero_point" in rule]


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
        helper.make_node("BatchedNMS_TRT", ["g"], ["y"], domain="TRT"),
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


def test_a_runtime_of_the_users_own_is_a_yaml_file(graph: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\npackage: p\nsource: my board\nopset: 12\nir: 6\noperators: [Conv]\n")
    found = lint(graph, load_rules(path))
    assert [one.rule for one in found[:3]] == [
        "opset 13, 12 at most",
        "IR version 7, 6 at most",
        "Sub is not among the operators of mine",
    ]


def test_what_a_file_is_can_be_told(graph: Path) -> None:
    told = summary(graph)
    assert (told.opset, told.ir, told.nodes, told.qdq, told.external_data) == (13, 7, 14, 0, False)
    assert told.operators["Conv"] == 5


def test_an_input_without_any_shape_is_dynamic(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "m.onnx")
    assert rules_broken(tmp_path / "m.onnx") == ["its shape is dynamic"]


def test_efficient_nms_is_a_risk_in_fp16_on_8_2_and_fine_later(tmp_path: Path) -> None:
    node = helper.make_node("EfficientNMS_TRT", ["x"], ["y"], name="nms", domain="TRT")
    path = saved(tmp_path / "m.onnx", [node])
    (found,) = lint(path, NANO)
    assert found.risk
    assert "negative in an engine built in fp16" in found.rule
    assert lint(path, NANO.on(["float32"])) == []
    assert lint(path, load_rules("tensorrt-8.4")) == []
    assert lint(path, load_rules("tensorrt-11")) == []
    assert "TRT.EfficientNMS_TRT is not among" in lint(path, load_rules("onnxruntime"))[0].rule


def test_plugins_that_tensorrt_11_has_removed_are_found_and_nothing_else_is_claimed(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("BatchedNMS_TRT", ["x"], ["a"], domain="TRT"),
        helper.make_node("HardSwish", ["a"], ["y"]),
    ]
    path = saved(tmp_path / "m.onnx", nodes, opset=14)
    eleven = load_rules("tensorrt-11")
    (found,) = lint(path, eleven)
    assert "BatchedNMS_TRT" in found.rule
    assert "EfficientNMS_TRT" in found.instead
    assert not eleven.known
    assert "not known" in eleven.note


def test_an_opset_that_is_too_old_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], opset=8)
    assert [one.rule for one in lint(path, load_rules("tensorrt-10.3"))] == ["opset 8, 9 at least"]


def test_restrictions_of_10_1_are_held(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[2, 2], dilations=[2, 2]),
        helper.make_node("Resize", ["p", "", "scales"], ["r"], mode="linear", antialias=1),
        helper.make_node("ReduceMean", ["r", "shaped"], ["m"]),
        helper.make_node("TopK", ["m", "many"], ["y", "places"], sorted=0),
        helper.make_node("Shape", ["x"], ["shaped"]),
    ]
    scales = constant("scales", [1, 1, 2, 2], np.float32)
    path = saved(tmp_path / "m.onnx", nodes, scales, constant("many", [4000]), opset=18)
    assert [one.rule for one in lint(path, load_rules("tensorrt-10.1"))] == [
        "MaxPool: dilations must all be 1",
        "Resize: antialias 1 is not known",
        "ReduceMean: axes must be an initializer",
        "TopK: K must be less than 3840",
        "TopK: sorted 0 is not known",
    ]


def test_bytes_for_an_input_are_no_type_of_the_nano(tmp_path: Path) -> None:
    ends = [
        helper.make_tensor_value_info(n, t, [1, 8]) for n, t in (("x", TensorProto.UINT8), ("y", TensorProto.FLOAT))
    ]
    cast = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    graph = helper.make_graph([cast], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "m.onnx")
    assert rules_broken(tmp_path / "m.onnx") == ["UINT8 is not among the types of tensorrt-8.2"]
    assert lint(tmp_path / "m.onnx", load_rules("tensorrt-8.5")) == []


def test_a_build_that_takes_more_than_there_is_is_foretold_with_its_source(graph: Path, tmp_path: Path) -> None:
    assert cramped(graph, NANO, 4) == []
    (found,) = cramped(graph, NANO, 2)
    assert found.risk
    own = "1000 MB of system, 630 MB of libraries, 512 MB of workspace, 18 times the weights"
    assert found.rule == f"building takes about 2.1 GB, the device has 2 ({own})"
    assert "estimate" in found.source
    heavy = constant("w", np.zeros((30_000_000, 1)), np.float32)
    path = saved(tmp_path / "m.onnx", [helper.make_node("Add", ["x", "w"], ["y"])], heavy)
    assert cramped(path, NANO, 4)[0].rule == f"building takes about 4.3 GB, the device has 4 ({own})"
    other = f"({own}: those of tensorrt-8.2 on a Jetson Nano, as tensorrt-10.3's are not known)"
    assert cramped(path, load_rules("tensorrt-10.3"), 4)[0].rule.endswith(other)
    assert cramped(path, load_rules("onnxruntime"), 1) == []


def test_a_node_without_its_inputs_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    node = helper.make_node("DequantizeLinear", [], ["y"], name="bare")
    assert any("x_zero_point must be given" in rule for rule in rules_broken(saved(tmp_path / "m.onnx", [node])))
