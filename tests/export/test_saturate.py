from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

from export.errors import Unreadable
from export.int8 import Dressing, quantize
from export.pixels import taken
from export.saturate import open_saturating
from export.sessions import open_session
from export.word16 import Matrix, Tally
from tests.export.nets import images

CPU = Dressing("uint8", symmetric=False)


def by_hand(cells: np.ndarray, weights: np.ndarray, zero: int) -> np.ndarray:
    """The definition, one product at a time: (inputs, cells) bytes, (outputs, inputs) weights."""
    total = np.zeros((len(weights), cells.shape[1]), np.int64)
    for output, row in enumerate(weights):
        for cell in range(cells.shape[1]):
            products = [int(byte) * int(weight) for byte, weight in zip(cells[:, cell], row, strict=True)] + [0]
            pairs = [sum(products[place : place + 2]) for place in range(0, len(row), 2)]
            total[output, cell] = sum(min(max(pair, -32768), 32767) for pair in pairs) - zero * int(row.sum())
    return total


@pytest.mark.parametrize("inside", [6, 7])
def test_pairs_of_products_are_cut_to_16_bits(inside: int) -> None:
    draw = np.random.default_rng(0)
    cells = draw.integers(150, 256, (1, inside, 9), dtype=np.uint8)
    weights = draw.choice([-127, -100, 30, 120, 127], (1, 5, inside))
    tally = Tally()
    got = Matrix.of(weights, 1, 7).times(cells, tally)
    np.testing.assert_array_equal(got, by_hand(cells[0], weights[0], 7))
    assert 0 < tally.cut < tally.sums == 5 * 9 * -(-inside // 2)
    plain = weights[0] @ cells[0].astype(np.int64) - 7 * weights[0].sum(1)[:, None]
    np.testing.assert_array_equal(Matrix.of(weights, 1, 7).times(cells, None), plain)


def test_a_depthwise_layer_does_not_saturate() -> None:
    tally, full = Tally(), np.full((4, 9, 3), 255, np.uint8)
    got = Matrix.of(np.full((4, 1, 9), 127), 9, 0).times(full, tally)
    assert (got == 9 * 255 * 127).all()
    assert tally == Tally()


def bright(outside: int = 4) -> ModelProto:
    """A 1x1 convolution whose weights are all equal, so that in int8 each is 127."""
    kinds = [("image", [1, 8, 4, 4]), ("y", [1, outside, 4, 4])]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in kinds]
    weight = numpy_helper.from_array(np.full((outside, 8, 1, 1), 0.5, np.float32), "w")
    bias = numpy_helper.from_array(np.zeros(outside, np.float32), "b")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w", "b"], ["y"], "conv")], "g", ends[:1], ends[1:], [weight, bias]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_seven_bit_weights_cure_it(tmp_path: Path) -> None:
    onnx.save(bright(), tmp_path / "float.onnx")
    photos = [np.full((1, 8, 4, 4), value, np.float32) for value in (0, 254, 255)]
    errors = {}
    for reduced in (False, True):
        made = Dressing("uint8", symmetric=False, reduce_range=reduced)
        quantize(tmp_path / "float.onnx", tmp_path / "int8.onnx", photos, dressing=made)
        tally = Tally()
        got = open_saturating(tmp_path / "int8.onnx", tally=tally)(photos[2])[0]
        errors[reduced] = float(np.abs(got - 8 * 0.5 * 255).max())
        assert (tally.cut == 0) == reduced
    # 8 inputs of 255 * 127: four pairs of 64770 cut to 32767.
    assert errors[False] == pytest.approx(8 * 0.5 * 255 * (1 - 32767 / 64770), rel=0.01)
    assert errors[True] < 5


def test_without_the_cut_it_is_what_a_runtime_computes(for_cpu: Path) -> None:
    session, emulated = open_session(for_cpu, "onnxruntime"), open_saturating(for_cpu, saturate=False)
    graph = onnx.load(for_cpu).graph
    scales = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    steps = [scales[node.input[1]] for name in ("boxes", "scores") for node in graph.node if name in node.output]
    for image in images(3):
        for right, got, step in zip(session(image), emulated(image), steps, strict=True):
            assert np.abs(right - got).max() <= 1.01 * step  # a rounded half
            assert (np.abs(right - got) > 0.01 * step).mean() < 0.02


def test_a_graph_of_bytes_saturates_as_the_same_graph_of_floats(graph: Path, tmp_path: Path) -> None:
    photos = [np.floor(image) for image in images(3)]
    sums = []
    for kind in ("float32", "uint8"):
        made = Dressing("uint8", symmetric=False, pixels=kind)
        quantize(graph, tmp_path / f"{kind}.onnx", photos, dressing=made)
        tally = Tally()
        run = open_saturating(tmp_path / f"{kind}.onnx", tally=tally)
        sums.append((tally, run(taken(photos[0], kind))))
    (floats, right), (bytes_, got) = sums
    assert floats == bytes_
    for one, two in zip(right, got, strict=True):
        np.testing.assert_array_equal(one, two)


def test_symmetric_activations_are_made_unsigned_first(for_tensorrt: Path) -> None:
    emulated, session = open_saturating(for_tensorrt, saturate=False), open_session(for_tensorrt, "onnxruntime")
    for right, got in zip(session(images(1)[0]), emulated(images(1)[0]), strict=True):
        assert np.abs(right - got).max() < 0.02 * np.abs(right).max()


def test_a_float_graph_is_refused(graph: Path) -> None:
    with pytest.raises(Unreadable, match="a float graph does not saturate"):
        open_saturating(graph)
