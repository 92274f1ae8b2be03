from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export.adopt import adopt, read, scale, sized, tail
from export.errors import ExportError, Unreadable
from export.int8 import Dressing, quantize
from export.intake import Scale
from export.parity import liken
from export.sessions import open_session
from tests.foreign.graphs import UNIT, photo, unit, write


def run(path: Path, image: np.ndarray) -> np.ndarray:
    return open_session(path, "onnxruntime")(image)[0]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return write(tmp_path / "given.onnx", metadata={"names": "{0: 'a'}"})


def test_an_adopted_graph_gives_the_same_with_fewer_nodes_and_keeps_its_names(given: Path, tmp_path: Path) -> None:
    adopt(given, tmp_path / "a.onnx", UNIT)
    model = onnx.load(tmp_path / "a.onnx")
    assert np.abs(run(given, unit(photo())) - run(tmp_path / "a.onnx", unit(photo()))).max() < 1e-3
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert (model.graph.input[0].name, model.graph.output[0].name) == ("images", "output0")
    names = [node.name for node in model.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    assert {one.key: one.value for one in model.metadata_props} == {"input": "RGB 0..1", "names": "{0: 'a'}"}
    assert [size.dim_value for size in model.graph.output[0].type.tensor_type.shape.dim] == [1, 6, 256]


def test_the_same_file_gives_the_same_bytes(given: Path, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        adopt(given, tmp_path / name, UNIT)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_an_open_size_is_asked_for_and_fixed(tmp_path: Path) -> None:
    path = write(tmp_path / "open.onnx", size=None)
    with pytest.raises(ExportError, match=r"\(batch, 3, height, width\): its size is open"):
        sized(path, None)
    adopt(path, tmp_path / "a.onnx", UNIT, (32, 64))
    assert run(tmp_path / "a.onnx", np.zeros((1, 3, 32, 64), np.float32)).shape == (1, 6, 512)


def test_another_size_than_the_graph_s_own_is_refused(given: Path) -> None:
    with pytest.raises(ExportError, match="64 x 64 given, and the graph takes 32 x 32"):
        sized(given, (64, 64))


def test_an_old_opset_is_raised_to_what_int8_needs(tmp_path: Path) -> None:
    path = write(tmp_path / "old.onnx", opset=11)
    adopt(path, tmp_path / "a.onnx", UNIT)
    assert onnx.load(tmp_path / "a.onnx").opset_import[0].version == 13
    assert np.abs(run(path, unit(photo())) - run(tmp_path / "a.onnx", unit(photo()))).max() < 1e-3


def first_node(path: Path, kind: str, by: float) -> None:
    """Put one node with a constant before the graph."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.input[:] = ["scaled" if name == "images" else name for name in node.input]
    model.graph.initializer.append(numpy_helper.from_array(np.array(by, np.float32), "by"))
    model.graph.node.insert(0, helper.make_node(kind, ["images", "by"], ["scaled"]))
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("kind", "by", "metadata", "right"),
    [
        ("Div", 255.0, {}, Scale()),
        ("Mul", 1 / 255, {}, Scale()),
        ("Div", 2.0, {}, None),
        ("Sub", 200.0, {}, None),
        ("Div", 1.0, {"author": "Ultralytics", "task": "detect"}, UNIT),
        ("Div", 1.0, {"input": "BGR -1..1"}, Scale.called("-1..1", "BGR")),
    ],
)
def test_how_pixels_are_scaled_is_known_only_where_the_file_says_it(
    kind: str, by: float, metadata: dict[str, str], right: Scale | None, tmp_path: Path
) -> None:
    path = write(tmp_path / "m.onnx", metadata=metadata)
    first_node(path, kind, by)
    assert scale(read(path)) == right


def test_the_tail_is_what_decodes_behind_the_last_weights(given: Path, tmp_path: Path) -> None:
    adopt(given, tmp_path / "a.onnx", UNIT)
    kinds = {node.name: node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node}
    found = sorted(kinds[name] for name in tail(tmp_path / "a.onnx"))
    assert found == ["Concat", "Mul", "Reshape", "Sigmoid", "Sigmoid"]


def test_scores_beside_boxes_in_pixels_survive_int8_only_with_the_tail_in_float(given: Path, tmp_path: Path) -> None:
    """Joined with boxes of up to 255 in one range, every score becomes 0: the channels' likeness sees it."""
    adopt(given, tmp_path / "a.onnx", UNIT)
    found = {}
    for name, left in (("tail", tail(tmp_path / "a.onnx")), ("all", ())):
        dressing = Dressing("uint8", False, exclude=left, whole_pixels=False)
        quantize(tmp_path / "a.onnx", tmp_path / "q.onnx", [unit(photo())], dressing=dressing)
        pair = tuple((run(path, unit(photo())),) for path in (given, tmp_path / "q.onnx"))
        found[name] = liken([pair], ["output0"])["output0"]  # type: ignore[list-item]
    assert found["all"].cosine > 0.999
    assert found["tail"].channel > 0.99 > found["all"].channel


def suppressed(path: Path) -> None:
    model = onnx.load(path)
    model.graph.node[-1].op_type = "TopK"
    onnx.save(model, path)


def two_inputs(path: Path) -> None:
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("scale_factor", onnx.TensorProto.FLOAT, [1, 2]))
    onnx.save(model, path)


def grey(path: Path) -> None:
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    onnx.save(model, path)


def half(path: Path) -> None:
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (suppressed, "TopK at output0 sorts what was found"),
        (two_inputs, r"2 inputs \(images, scale_factor\)"),
        (grey, r"images is \(1, 1, 32, 32\)"),
        (half, "images is float16"),
        (lambda path: path.write_bytes(b"no graph"), "cannot be read as ONNX"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "cannot be read as ONNX|holds no graph"),
        (lambda path: path.unlink(), "no such file"),
    ],
)
def test_what_cannot_be_adopted_is_one_sentence(spoil: object, sentence: str, given: Path) -> None:
    spoil(given)  # type: ignore[operator]
    with pytest.raises(ExportError, match=sentence) as wrong:
        sized(given, None)
    assert "\n" not in str(wrong.value)


def test_an_int8_graph_is_refused(for_cpu: Path) -> None:
    with pytest.raises(ExportError, match="it is int8; give the float one"):
        read(for_cpu)


def test_an_operator_that_nobody_knows_is_told_by_name(given: Path, tmp_path: Path) -> None:
    model = onnx.load(given)
    model.graph.node[-2].op_type = "Nothing"
    onnx.save(model, given)
    with pytest.raises(ExportError, match="Nothing") as wrong:
        adopt(given, tmp_path / "a.onnx", UNIT)
    assert not isinstance(wrong.value, Unreadable)
