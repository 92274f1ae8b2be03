from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

from export.bias import correct_bias
from export.equalise import equalise, links
from export.errors import ExportError
from export.int8 import Dressing, quantize
from export.sessions import open_session, outputs
from tests.export.nets import images

FLOAT = onnx.TensorProto.FLOAT
CPU = Dressing("uint8", symmetric=False, per_channel=False)


def chain(limit: float | None, spread: float = 100.0, draw: int = 0) -> ModelProto:
    """1x1 convolution → ReLU or clip → depthwise → ReLU → 1x1, whose channels' weights differ up to `spread` times."""
    random = np.random.default_rng(draw)
    scale = np.geomspace(1 / spread, 1, 8).astype(np.float32)
    constants = {
        "a.w": random.normal(size=(8, 3, 1, 1)) * scale[:, None, None, None] / 300,
        "a.b": random.uniform(0, 0.1, 8) * scale,
        "b.w": random.normal(size=(8, 1, 3, 3)),
        "b.b": random.uniform(-0.1, 0.1, 8),
        "c.w": random.normal(size=(4, 8, 1, 1)) / scale[:, None, None],
        "c.b": np.zeros(4),
        "min": np.array(0.0),
        "max": np.array(limit or 0.0),
    }
    act = helper.make_node("Clip", ["a", "min", "max"], ["a+"]) if limit else helper.make_node("Relu", ["a"], ["a+"])
    nodes = [
        helper.make_node("Conv", ["image", "a.w", "a.b"], ["a"], "a"),
        act,
        helper.make_node("Conv", ["a+", "b.w", "b.b"], ["b"], "b", group=8, pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["b"], ["b+"], "b+"),
        helper.make_node("Conv", ["b+", "c.w", "c.b"], ["c"], "c"),
    ]
    ends = [helper.make_tensor_value_info(n, FLOAT, s) for n, s in (("image", [1, 3, 64, 64]), ("c", [1, 4, 64, 64]))]
    known = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], known)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def weights(model: ModelProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def copied(model: ModelProto) -> ModelProto:
    other = ModelProto()
    other.CopyFrom(model)
    return other


@pytest.mark.parametrize("limit", [None, 6.0])
def test_the_function_stays_and_the_channels_become_alike(limit: float | None) -> None:
    model = chain(limit)
    made = copied(model)
    assert equalise(made, images(4)) == 2
    for image in images(6):
        (right,), (got,) = outputs(model, image), outputs(made, image)
        np.testing.assert_allclose(got, right, atol=1e-5 * np.abs(right).max())
    before, after = (np.abs(weights(one)["c.w"]).max((0, 2, 3)) for one in (model, made))
    assert after.max() / after.min() < 0.2 * before.max() / before.min()


def test_both_sides_of_a_free_link_end_with_the_same_range() -> None:
    model = chain(None)
    equalise(model, images(1))
    values = weights(model)
    first = np.abs(values["b.w"]).reshape(8, -1).max(1)
    np.testing.assert_allclose(first, np.abs(values["c.w"]).max((0, 2, 3)), rtol=5e-3)


def test_a_channel_that_meets_its_clip_is_left_alone() -> None:
    model = chain(0.3)  # the strongest channels go beyond it
    made = copied(model)
    equalise(made, images(4))
    still = np.isclose(weights(model)["a.b"], weights(made)["a.b"])
    assert 0 < still.sum() < 8
    for image in images(4):
        (right,), (got,) = outputs(model, image), outputs(made, image)
        np.testing.assert_allclose(got, right, atol=1e-5 * np.abs(right).max())


def test_what_anything_else_reads_is_no_link() -> None:
    model = chain(6.0)
    assert [(link.maker.name, link.limit) for link in links(model.graph)] == [("a", 6.0), ("b", np.inf)]
    model.graph.output.append(helper.make_tensor_value_info("b+", FLOAT, [1, 8, 64, 64]))
    assert [link.maker.name for link in links(model.graph)] == ["a"]


def test_equalised_channels_lose_less_to_int8(tmp_path: Path) -> None:
    errors = {}
    onnx.save(chain(6.0), tmp_path / "float.onnx")
    right = open_session(tmp_path / "float.onnx", "onnxruntime")(images(9)[-1])[0]
    for asked in (False, True):
        made = Dressing("uint8", symmetric=False, per_channel=False, equalise=asked)
        quantize(tmp_path / "float.onnx", tmp_path / "int8.onnx", images(8), dressing=made)
        errors[asked] = np.abs(open_session(tmp_path / "int8.onnx", "onnxruntime")(images(9)[-1])[0] - right).mean()
    assert errors[True] < 0.5 * errors[False]


@pytest.mark.parametrize("kind", [("uint8", False), ("int8", True)])
def test_a_corrected_layer_is_right_on_average(tmp_path: Path, kind: tuple[str, bool]) -> None:
    source, made = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(chain(6.0), source)
    means = {}
    for asked in (False, True):
        dressing = Dressing(kind[0], symmetric=kind[1], per_channel=False, correct_bias=asked)  # type: ignore[arg-type]
        quantize(source, made, images(8), dressing=dressing)
        one, other = open_session(source, "onnxruntime"), open_session(made, "onnxruntime")
        gap = np.mean([other(image)[0] - one(image)[0] for image in images(8)], (0, 1, 3, 4))
        means[asked] = np.abs(gap).max()
    assert means[True] < 0.3 * means[False]


def test_without_images_there_is_nothing_to_correct_by(tmp_path: Path) -> None:
    onnx.save(chain(6.0), tmp_path / "float.onnx")
    model = onnx.load(tmp_path / "float.onnx")
    with pytest.raises(ExportError, match="no images given"):
        correct_bias(model, model, [], [])
