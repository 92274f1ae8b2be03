from pathlib import Path

import numpy as np
import onnx
import pytest

from export.errors import ExportError
from export.intake import SCALES, Scale, intake
from tests.foreign.graphs import photo, write


@pytest.mark.parametrize("colours", ["RGB", "BGR"])
@pytest.mark.parametrize("name", SCALES)
def test_a_scale_is_read_as_it_was_written(name: str, colours: str) -> None:
    scale = Scale.called(name, "BGR" if colours == "BGR" else "RGB")
    assert str(scale) == f"{colours} {name}"
    assert Scale.read(str(scale)) == scale


def test_a_scale_of_its_own_is_read_as_it_was_written() -> None:
    scale = Scale((104.0, 117.25, 123.5), (1.0, 2.0, 3.0), "BGR")
    assert Scale.read(str(scale)) == scale


def test_what_is_no_scale_is_refused() -> None:
    with pytest.raises(ExportError, match=r"RGB 0\.\.255 or BGR 0\.\.1 are right"):
        Scale.read("RGB 0..7")


def test_imagenet_is_what_torchvision_s_models_take(tmp_path: Path) -> None:
    image = photo()
    got = intake(write(tmp_path / "m.onnx", metadata={"input": "RGB imagenet"}))(image)
    right = (image / 255 - np.array([0.485, 0.456, 0.406])[:, None, None]) / np.array([0.229, 0.224, 0.225])[
        :, None, None
    ]
    assert np.abs(got - right).max() < 1e-5
    assert got.dtype == np.float32


def test_bgr_turns_colours_and_its_own_means_follow(tmp_path: Path) -> None:
    image = photo()
    got = intake(write(tmp_path / "m.onnx", metadata={"input": "BGR (pixel - 1 2 3) / 1 1 2"}))(image)
    assert np.allclose(got[0, 0], image[0, 2] - 1)
    assert np.allclose(got[0, 2], (image[0, 0] - 3) / 2)


def test_our_own_graphs_get_the_very_image(graph: Path) -> None:
    image = photo(64)
    assert intake(graph)(image) is image


def test_a_graph_with_channels_last_in_bytes_gets_them_so(tmp_path: Path) -> None:
    model = onnx.load(write(tmp_path / "m.onnx"))
    kind = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, [1, 24, 32, 3])
    model.graph.input[0].CopyFrom(kind)
    onnx.save(model, tmp_path / "m.onnx")
    takes = intake(tmp_path / "m.onnx")
    assert (takes.height, takes.width, takes.kind, takes.channels_last) == (24, 32, "uint8", True)
    assert takes(np.zeros((1, 3, 24, 32), np.float32)).shape == (1, 24, 32, 3)
