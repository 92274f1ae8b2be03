"""What graphs want to be called with: any names, sizes and types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.errors import ExportError
from export.sessions import RUNTIMES, available, open_session
from export.shape import asked, feeds, inputs, precision, shape
from export.sized import sized

HERE = [name for name in RUNTIMES if available(name)]


def foreign(path: Path, sizes: Sequence[int | str], kind: int = TensorProto.FLOAT) -> Path:
    """An image of `sizes` and a threshold of its own → the image scaled by it, the share of it above."""
    ends = [
        helper.make_tensor_value_info("pixels", kind, sizes),
        helper.make_tensor_value_info("threshold", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scaled", TensorProto.FLOAT, None),
    ]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["threshold"], ["t"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "t"], ["scaled"]),
    ]
    graph = helper.make_graph(nodes, "foreign", ends[:2], ends[2:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_names_sizes_and_types_are_read(tmp_path: Path) -> None:
    graph = foreign(tmp_path / "a.onnx", ["n", 3, "h", "w"], TensorProto.UINT8)
    assert inputs(graph) == {"pixels": ((None, 3, None, None), "uint8"), "threshold": ((1,), "int64")}
    assert shape(graph) == (1, 3, 1, 1)


def test_an_input_that_is_no_tensor_is_refused(tmp_path: Path) -> None:
    ends = [
        helper.make_tensor_sequence_value_info("many", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("one", TensorProto.FLOAT, None),
    ]
    node = helper.make_node("ConcatFromSequence", ["many"], ["one"], axis=0)
    onnx.save(helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:])), tmp_path / "m.onnx")
    with pytest.raises(ExportError, match="input many is no tensor"):
        inputs(tmp_path / "m.onnx")


def test_an_open_batch_alone_is_one(tmp_path: Path) -> None:
    assert asked(foreign(tmp_path / "a.onnx", ["n", 3, 8, 8]), {})["pixels"] == (1, 3, 8, 8)


def test_open_sizes_are_asked_for_with_the_option_that_gives_them(tmp_path: Path) -> None:
    graph = foreign(tmp_path / "a.onnx", ["n", 3, "h", 64])
    with pytest.raises(
        ExportError, match=r"pixels is \?x3x\?x64, sizes left open; give them: --size pixels=1x3x300x64"
    ):
        asked(graph, {})


@pytest.mark.parametrize(
    ("own", "sizes", "found"),
    [
        (["n", 3, "h", "w"], {"": (8, 12)}, (1, 3, 8, 12)),
        (["n", "h", "w", 3], {"": (8, 12)}, (1, 8, 12, 3)),
        (["n", "c", "h", "w"], {"": (8, 12)}, (1, 3, 8, 12)),
        (["n", 3, "h", "w"], {"pixels": (2, 3, 8, 12)}, (2, 3, 8, 12)),
    ],
)
def test_open_sizes_can_be_given(
    own: list[int | str], sizes: dict[str, tuple[int, ...]], found: tuple[int, ...], tmp_path: Path
) -> None:
    assert asked(foreign(tmp_path / "a.onnx", own), sizes)["pixels"] == found


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"image": (1,)}, "no input 'image'; there are pixels, threshold"),
        ({"pixels": (1, 3, 8)}, "pixels is 1x3x8x8, 1x3x8 was given"),
        ({"pixels": (1, 3, 8, 9)}, "pixels is 1x3x8x8, 1x3x8x9 was given"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, tuple[int, ...]], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=sentence):
        asked(foreign(tmp_path / "a.onnx", [1, 3, 8, 8]), sizes)


@pytest.mark.parametrize("runtime", HERE)
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8, TensorProto.INT64])
def test_every_runtime_is_fed_by_name(runtime: str, kind: int, tmp_path: Path) -> None:
    graph = foreign(tmp_path / "a.onnx", [1, 3, 8, 8], kind)
    fed: dict[str, Any] = feeds(graph, asked(graph, {}))
    fed["threshold"] = np.array([3])
    feed = open_session(graph, runtime).feed
    assert feed is not None
    (out,) = feed(fed)
    np.testing.assert_allclose(out, 3 * fed["pixels"].astype(np.float32))
    assert out.max() == (3 if kind == TensorProto.INT64 else 342)


def test_the_arithmetic_is_read_from_the_file(graph: Path, for_cpu: Path, tmp_path: Path) -> None:
    assert (precision(graph), precision(for_cpu)) == ("float32", "int8")
    half = onnx.load(graph)
    for one in half.graph.initializer:
        if one.data_type == TensorProto.FLOAT:
            one.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(one).astype(np.float16), one.name))
    onnx.save(half, tmp_path / "half.onnx")
    assert precision(tmp_path / "half.onnx") == "float16"


def test_open_sizes_are_fixed_in_the_file(tmp_path: Path) -> None:
    graph = foreign(tmp_path / "a.onnx", ["n", 3, "h", "w"])
    sized(graph, tmp_path / "b.onnx", asked(graph, {"": (8, 12)}))
    assert inputs(tmp_path / "b.onnx")["pixels"][0] == (1, 3, 8, 12)
