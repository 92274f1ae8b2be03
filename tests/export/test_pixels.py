from pathlib import Path

import numpy as np
import onnx
import pytest

from export.errors import ExportError
from export.int8 import Dressing, dress, keeping, quantize
from export.pixels import pixel_ranges, take_bytes, taken
from export.ranges import measure
from export.sessions import open_session
from export.shape import grey, pixels
from tests.export.nets import images

BYTES = Dressing("uint8", symmetric=False, pixels="uint8")


def photos(count: int) -> list[np.ndarray]:
    return [np.floor(image) for image in images(count)]


@pytest.fixture(scope="module")
def for_bytes(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bytes") / "model.onnx"
    quantize(graph, path, photos(4), dressing=BYTES)
    return path


def test_a_graph_of_bytes_has_no_normalisation_left(for_bytes: Path) -> None:
    model = onnx.load(for_bytes)
    assert pixels(for_bytes) == "uint8"
    assert not {"Sub", "Div", "Mul", "Add"} & {node.op_type for node in model.graph.node}
    assert [node.op_type for node in model.graph.node if "image" in node.input] == ["DequantizeLinear"]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_bytes_and_floats_give_the_same(graph: Path, for_bytes: Path, tmp_path: Path, runtime: str) -> None:
    quantize(graph, tmp_path / "floats.onnx", photos(4), dressing=Dressing("uint8", symmetric=False))
    floats, bytes_ = open_session(tmp_path / "floats.onnx", runtime), open_session(for_bytes, runtime)
    assert (floats.pixels, bytes_.pixels) == ("float32", "uint8")
    for photo in photos(3):
        for right, got in zip(floats(photo), bytes_(taken(photo, "uint8")), strict=True):
            np.testing.assert_array_equal(right, got)


def test_the_range_of_pixels_is_whole_whatever_the_photos_show(graph: Path) -> None:
    assert pixel_ranges(onnx.load(graph)) == {"Div": (-1.0, 127 / 128)}


def test_bias_correction_takes_bytes_too(graph: Path, tmp_path: Path) -> None:
    quantize(
        graph, tmp_path / "m.onnx", photos(2), dressing=Dressing("uint8", False, pixels="uint8", correct_bias=True)
    )
    assert pixels(tmp_path / "m.onnx") == "uint8"


def test_a_grey_image_is_what_the_graph_takes(graph: Path, for_bytes: Path) -> None:
    assert (grey(graph).dtype, grey(for_bytes).dtype) == (np.float32, np.uint8)
    assert (grey(graph).shape, grey(for_bytes).shape) == ((1, 3, 64, 64), (1, 64, 64, 3))


def test_ranges_that_change_a_pixel_are_refused_and_never_come_from_a_dressing(graph: Path, tmp_path: Path) -> None:
    found = measure(graph, photos(1), "minmax", percentile=0, symmetric=False) | {"Div": (-0.5, 0.5)}
    dress(graph, tmp_path / "floats.onnx", found, Dressing("uint8", symmetric=False))
    with pytest.raises(ExportError, match="its quantizer changes pixels"):
        take_bytes(onnx.load(tmp_path / "floats.onnx"))
    dress(graph, tmp_path / "bytes.onnx", found, BYTES)
    assert pixels(tmp_path / "bytes.onnx") == "uint8"


def test_bytes_want_unsigned_activations() -> None:
    with pytest.raises(ExportError, match="float32 pixels would be right"):
        Dressing("int8", symmetric=True, pixels="uint8")


@pytest.mark.parametrize(("kept", "kind"), [("body.0.0/Conv", "float32"), ("body.1.0/Conv", "uint8")])
def test_pixels_come_as_float_where_the_first_layer_stays_in_float(
    kept: str, kind: str, graph: Path, tmp_path: Path
) -> None:
    dressing = keeping(BYTES, graph, (kept,))
    quantize(graph, tmp_path / "m.onnx", photos(2), dressing=dressing)
    assert dressing.exclude == (kept,)
    assert pixels(tmp_path / "m.onnx") == kind
