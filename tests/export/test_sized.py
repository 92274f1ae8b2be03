"""A graph at another batch: the same for each image, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from torch import Tensor, nn

from export.errors import ExportError
from export.sessions import RUNTIMES, available, open_session
from export.shape import inputs
from export.sized import sized
from export.to_onnx import to_onnx
from tests.export.nets import Net, built, images

FOUR = {"image": (4, 3, 64, 64)}
HERE = [name for name in RUNTIMES if available(name)]


@pytest.mark.parametrize("runtime", HERE)
def test_four_images_give_what_each_gives_alone(graph: Path, tmp_path: Path, runtime: str) -> None:
    sized(graph, tmp_path / "four.onnx", FOUR)
    one, four = open_session(graph, runtime), open_session(tmp_path / "four.onnx", runtime)
    drawn = images(4)
    together = four(np.concatenate(drawn))
    for number, image in enumerate(drawn):
        for whole, alone in zip(together, one(image), strict=True):
            np.testing.assert_allclose(whole[number : number + 1], alone, atol=1e-3)


def test_the_graph_holds_a_reshape_to_the_old_batch(graph: Path) -> None:
    model = onnx.load(graph)
    known = {one.name: one for one in model.graph.initializer}
    shapes = [onnx.numpy_helper.to_array(known[n.input[1]]) for n in model.graph.node if n.op_type == "Reshape"]
    assert any(one[0] == 1 for one in shapes)


def test_an_int8_graph_follows(for_cpu: Path, tmp_path: Path) -> None:
    sizes = {name: (2, *own[1:]) for name, (own, _) in inputs(for_cpu).items()}
    sized(for_cpu, tmp_path / "two.onnx", sizes)  # type: ignore[arg-type]
    assert inputs(tmp_path / "two.onnx")["image"][0][0] == 2


class Mixing(Net):
    """Takes the mean over the batch."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = super().forward(x)
        return boxes - boxes.mean(0, keepdim=True), scores


class Baked(nn.Module):
    """Joins with a constant of the traced batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.more = nn.Conv2d(3, 4, 1), nn.Parameter(Tensor(1, 2, 64, 64).zero_())

    def forward(self, x: Tensor) -> Tensor:
        import torch

        return torch.cat([self.conv(x), self.more], 1)


@pytest.mark.parametrize(("kind", "names"), [(Mixing, ("boxes", "scores")), (Baked, ("out",))])
def test_a_graph_that_is_not_a_batch_of_itself_is_refused(kind: type, names: tuple[str, ...], tmp_path: Path) -> None:
    to_onnx(built(kind), (1, 3, 64, 64), tmp_path / "a.onnx", names=names, metadata={})
    with pytest.raises(ExportError, match="at batch 4"):
        sized(tmp_path / "a.onnx", tmp_path / "b.onnx", FOUR)


def test_norms_stay_where_they_are_not_folded(graph: Path, tmp_path: Path) -> None:
    names = ("boxes", "scores")
    to_onnx(built(Net), (1, 3, 64, 64), tmp_path / "a.onnx", names=names, metadata={}, fold=False)
    kinds = [node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node]
    assert kinds.count("BatchNormalization") == 3
    assert "BatchNormalization" not in [node.op_type for node in onnx.load(graph).graph.node]
    for plain, folded in zip(
        open_session(tmp_path / "a.onnx", "onnxruntime")(images(1)[0]),
        open_session(graph, "onnxruntime")(images(1)[0]),
        strict=True,
    ):
        np.testing.assert_allclose(plain, folded, atol=1e-3)
