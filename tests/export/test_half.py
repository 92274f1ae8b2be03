from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.errors import ExportError
from export.half import MOST, halve
from export.intake import intake
from export.parity import compare
from export.ranges import measure
from export.rounded import rounded
from export.sessions import open_session
from export.sites import values
from tests.export.nets import images


def cast(graph: Path, target: Path) -> tuple[str, ...]:
    return halve(graph, target, measure(graph, images(2), "minmax", percentile=100, symmetric=False))


def types(path: Path) -> dict[str, int]:
    """The type of every tensor of a file."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True).graph
    known = {one.name: one.type.tensor_type.elem_type for one in (*graph.input, *graph.output, *graph.value_info)}
    return known | {one.name: one.data_type for one in graph.initializer}


def test_weights_and_arithmetic_are_float16_and_the_ends_float32(graph: Path, tmp_path: Path) -> None:
    left = cast(graph, tmp_path / "h.onnx")
    model, kinds = onnx.load(tmp_path / "h.onnx"), types(tmp_path / "h.onnx")
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    assert {kinds[name] for node in convs for name in (*node.input, *node.output)} == {TensorProto.FLOAT16}
    assert {kinds[one.name] for one in (*model.graph.input, *model.graph.output)} == {TensorProto.FLOAT}
    assert left == ("Sub", "Div")  # the pixels' normalisation
    assert (tmp_path / "h.onnx").stat().st_size < 0.75 * graph.stat().st_size


def test_it_runs_here_and_gives_nearly_the_same(graph: Path, tmp_path: Path) -> None:
    cast(graph, tmp_path / "h.onnx")
    image = images(1)[0]
    one, other = (open_session(path, "onnxruntime")(image) for path in (graph, tmp_path / "h.onnx"))
    found = compare(one, other, ("boxes", "scores"))
    assert all(difference.max_abs > 0 for difference in found.values())
    assert all(difference.cosine > 0.99999 for difference in found.values())


def test_what_a_file_says_stays(graph: Path, tmp_path: Path) -> None:
    cast(graph, tmp_path / "h.onnx")
    one, other = onnx.load(graph), onnx.load(tmp_path / "h.onnx")
    assert (one.metadata_props, one.opset_import, one.ir_version) == (
        other.metadata_props,
        other.opset_import,
        other.ir_version,
    )
    assert intake(tmp_path / "h.onnx") == intake(graph)


def wide(path: Path, factor: float) -> Path:
    """x → conv → * factor → / factor → conv: in between numbers that float16 may not hold."""
    draw = np.random.default_rng(0)
    constants = {"a": draw.normal(size=(4, 3, 1, 1)), "b": draw.normal(size=(2, 4, 1, 1)), "f": np.array(factor)}
    nodes = [
        helper.make_node("Conv", ["image", "a"], ["c"], "first"),
        helper.make_node("Mul", ["c", "f"], ["far"], "up"),
        helper.make_node("Div", ["far", "f"], ["d"], "down"),
        helper.make_node("Conv", ["d", "b"], ["out"], "last"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, 64, 64])
        for name, count in (("image", 3), ("out", 2))
    ]
    held = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    return path


def test_numbers_that_float16_cannot_hold_stay_in_float32_from_node_to_node(tmp_path: Path) -> None:
    path = wide(tmp_path / "m.onnx", 1e4)
    assert cast(path, tmp_path / "h.onnx") == ("up", "down")
    image = images(1)[0]
    one, other = (open_session(file, "onnxruntime")(image)[0] for file in (path, tmp_path / "h.onnx"))
    assert np.isfinite(other).all()
    assert np.abs(one - other).max() < 0.01 * np.abs(one).max()
    assert not any(kind == TensorProto.FLOAT16 for name, kind in types(tmp_path / "h.onnx").items() if name == "far")


def test_without_ranges_they_would_be_infinite_as_the_rounded_graph_shows(tmp_path: Path) -> None:
    path = wide(tmp_path / "m.onnx", 1e4)
    assert halve(path, tmp_path / "h.onnx", {}) == ()
    rounded(tmp_path / "h.onnx", tmp_path / "r.onnx")
    assert not np.isfinite(open_session(tmp_path / "r.onnx", "onnxruntime")(images(1)[0])[0]).all()


def test_in_the_rounded_graph_every_tensor_is_one_that_float16_holds(graph: Path, tmp_path: Path) -> None:
    """Which neither the float graph's are, nor those that onnxruntime makes of a float16 graph on a CPU."""
    cast(graph, tmp_path / "h.onnx")
    rounded(tmp_path / "h.onnx", tmp_path / "r.onnx")
    image = images(1)[0]
    names = [node.output[0] for node in onnx.load(graph).graph.node if node.op_type in ("Conv", "Clip", "Transpose")]
    found = values(tmp_path / "r.onnx", image, names)
    assert len(found) > 5
    assert all(np.array_equal(value, value.astype(np.float16)) for value in found.values())
    whole = values(graph, image, names)
    assert not any(np.array_equal(value, value.astype(np.float16)) for value in whole.values())
    assert all(np.abs(found[name] - whole[name]).max() < 0.02 * np.abs(whole[name]).max() for name in names)


def test_a_weight_beyond_float16_keeps_its_node(tmp_path: Path) -> None:
    path = wide(tmp_path / "m.onnx", 2 * MOST)
    assert halve(path, tmp_path / "h.onnx", {}) == ("up", "down")


def test_an_output_that_float32_makes_needs_no_cast(tmp_path: Path) -> None:
    path = wide(tmp_path / "m.onnx", 1.0)
    found = {"out": (0.0, 1e6)}
    assert halve(path, tmp_path / "h.onnx", found) == ("last",)
    model = onnx.load(tmp_path / "h.onnx")
    assert model.graph.node[-1].op_type == "Conv"
    assert model.graph.node[-1].output[0] == "out"


def test_int8_and_float16_graphs_are_refused(for_cpu: Path, graph: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the graph is quantized"):
        halve(for_cpu, tmp_path / "h.onnx", {})
    cast(graph, tmp_path / "h.onnx")
    with pytest.raises(ExportError, match="in float16 already"):
        halve(tmp_path / "h.onnx", tmp_path / "again.onnx", {})
