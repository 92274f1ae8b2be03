"""Where an int8 graph rounds."""

from pathlib import Path

import numpy as np

from export.sessions import open_session
from export.sites import sites, values
from tests.export.nets import images

LAYERS = ("body.0.0/Conv", "body.1.0/Conv", "body.2.0/Conv", "boxes/Conv", "scores/Conv")


def test_moved_tensors_have_no_site_of_their_own_and_outputs_are_whole(for_cpu: Path) -> None:
    found = sites(for_cpu)
    assert found.activations == ("Div", *(f"body.{n}.2/Clip" for n in range(3)), "boxes/Conv", "scores/Conv")
    assert found.whole == {"boxes/Conv", "scores/Conv"}
    assert found.weighted == LAYERS


def test_for_tensorrt_only_inputs_of_weighted_nodes_are_sites(for_tensorrt: Path) -> None:
    found = sites(for_tensorrt)
    assert found.activations == ("Div", *(f"body.{n}.2/Clip" for n in range(3)))
    assert found.whole == frozenset()
    assert found.weighted == LAYERS


def test_values_of_any_tensor_of_the_float_graph(graph: Path) -> None:
    image = images(1)[0]
    found = values(graph, image, ["Div", "boxes"])
    assert np.allclose(found["Div"], (image - 128) / 128, atol=1e-5)
    assert np.allclose(found["boxes"], open_session(graph, "onnxruntime")(image)[0], atol=1e-4)
