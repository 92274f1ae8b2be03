from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export.errors import ExportError
from export.int8 import Dressing, dress, quantize
from export.parity import compare
from export.ranges import measure
from export.sessions import open_session
from tests.export.nets import images

CPU = Dressing("uint8", symmetric=False)


def zero_points(model: onnx.ModelProto) -> list[np.ndarray]:
    """The explicit zero point of every Q/DQ node."""
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    kinds = ("QuantizeLinear", "DequantizeLinear")
    return [values[node.input[2]] for node in model.graph.node if node.op_type in kinds]


def test_symmetric_int8_is_what_tensorrt_takes(for_tensorrt: Path) -> None:
    model = onnx.load(for_tensorrt)
    zeros = zero_points(model)
    assert len(zeros) > 10
    assert all(zero.dtype == np.int8 and not zero.any() for zero in zeros)
    floats = {one.name for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT}
    assert all(node.input[2] in floats for node in model.graph.node if node.op_type == "Conv")


def test_no_quantizer_stands_between_a_convolution_and_its_activation(for_tensorrt: Path) -> None:
    nodes = onnx.load(for_tensorrt).graph.node
    makers = {name: node.op_type for node in nodes for name in node.output}
    assert {makers[node.input[0]] for node in nodes if node.op_type == "Clip"} == {"Conv"}


def test_a_cpu_gets_uint8_activations_int8_weights_per_channel_and_int32_biases(for_cpu: Path) -> None:
    model = onnx.load(for_cpu)
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    kinds = Counter(str(zero.dtype) for zero in zero_points(model))
    assert set(kinds) == {"uint8", "int8", "int32"}
    assert values["body.2.0/Conv.W_scale"].shape == (32,)
    assert not any(node.op_type == "Clip" for node in model.graph.node)


def test_opset_ir_version_metadata_and_outputs_stay(graph: Path, for_cpu: Path, for_tensorrt: Path) -> None:
    source = onnx.load(graph)
    for path in (for_cpu, for_tensorrt):
        model = onnx.load(path)
        assert (model.opset_import, model.ir_version) == (source.opset_import, source.ir_version)
        assert (model.metadata_props, model.graph.output) == (source.metadata_props, source.graph.output)


def test_the_same_images_give_the_same_bytes(graph: Path, for_cpu: Path, tmp_path: Path) -> None:
    quantize(graph, tmp_path / "again.onnx", iter(images(4)), dressing=CPU)
    assert (tmp_path / "again.onnx").read_bytes() == for_cpu.read_bytes()


def test_int8_stays_close_to_float(graph: Path, for_cpu: Path, for_tensorrt: Path) -> None:
    image = images(5)[-1]
    right = open_session(graph, "onnxruntime")(image)
    for path in (for_cpu, for_tensorrt):
        found = compare(right, open_session(path, "onnxruntime")(image), ("boxes", "scores"))
        assert min(one.cosine for one in found.values()) > 0.99
        assert max(one.max_abs for one in found.values()) > 0


def test_percentile_cuts_what_min_max_keeps(graph: Path) -> None:
    wide = measure(graph, images(2), "minmax", percentile=0, symmetric=False)
    cut = measure(graph, images(2), "percentile", percentile=90, symmetric=False)
    assert wide["Div"][0] < cut["Div"][0] < cut["Div"][1] < wide["Div"][1]


def test_outputs_are_never_cut(graph: Path) -> None:
    wide = measure(graph, images(2), "minmax", percentile=0, symmetric=False)
    cut = measure(graph, images(2), "percentile", percentile=90, symmetric=False)
    assert {name for name in wide if cut[name] == wide[name]} >= {"boxes", "scores", "Transpose", "boxes/Conv"}


def test_entropy_cuts_a_lone_outlier(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 64, 64]) for name in "xy"]
    lone = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(lone, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), tmp_path / "m.onnx")
    image = images(1)[0] / 10
    image[0, 0, 0, 0] = 255
    found = measure(tmp_path / "m.onnx", [image], "entropy", percentile=0, symmetric=False)
    assert 25 < found["x"][1] < 128


def test_ranges_cover_all_images_and_not_only_the_last(graph: Path) -> None:
    bright, dark = np.full((1, 3, 64, 64), 255, np.float32), np.zeros((1, 3, 64, 64), np.float32)
    found = measure(graph, [bright, dark], "minmax", percentile=0, symmetric=False)
    assert found["Div"] == (-1.0, 0.9921875)


def test_known_ranges_decide_the_scales(graph: Path, tmp_path: Path) -> None:
    found = measure(graph, images(1), "minmax", percentile=0, symmetric=False) | {"Div": (-2.55, 0.0)}
    dress(graph, tmp_path / "x.onnx", found, CPU)
    values = {one.name: numpy_helper.to_array(one) for one in onnx.load(tmp_path / "x.onnx").graph.initializer}
    assert values["Div_scale"] == pytest.approx(0.01)
    assert values["Div_zero_point"] == 255


def test_an_excluded_node_stays_in_float(graph: Path, tmp_path: Path) -> None:
    quantize(graph, tmp_path / "x.onnx", images(1), dressing=Dressing("uint8", False, exclude=("boxes/Conv",)))
    model = onnx.load(tmp_path / "x.onnx")
    assert next(node for node in model.graph.node if node.name == "boxes/Conv").input[1] == "boxes/Conv.W"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda path: quantize(path, path, [], dressing=CPU), "no images given"),
        (lambda path: dress(path, path, {}, Dressing("uint8", False, exclude=("nobody",))), "no node is called nobody"),
        (lambda path: Dressing("uint8", symmetric=True), "symmetric activations are int8"),
        (lambda path: measure(path, [], "nothing", percentile=0, symmetric=False), "choose one of minmax"),
    ],
)
def test_a_mistake_is_one_sentence(graph: Path, given: object, sentence: str) -> None:
    with pytest.raises(ExportError, match=sentence):
        given(graph)  # type: ignore[operator]


def test_a_graph_that_is_int8_already_is_refused(for_cpu: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="quantized already"):
        dress(for_cpu, tmp_path / "x.onnx", {}, CPU)
