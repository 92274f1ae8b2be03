"""Rounding in training: it computes what the int8 graph does, learns under it, and stops and goes on exactly."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export.int8 import Dressing, dress
from export.ranges import measure
from export.sessions import open_session
from export.sites import sites, values
from export.to_onnx import to_onnx
from mfast_edge.errors import Unfinished
from mfast_edge.recipe import Recipe
from mfast_edge.training.calls import layers, places, trace
from mfast_edge.training.fake import Fakes, Grid, Quantised
from mfast_edge.training.fit import Course, fit
from tests.export.nets import Net, built, images

DRESSINGS = {
    "x86": Dressing("uint8", symmetric=False),
    "tensorrt": Dressing("int8", symmetric=True),
    "seven bits": Dressing("uint8", symmetric=False, reduce_range=True),
    "one scale": Dressing("uint8", symmetric=False, per_channel=False),
}


def pair(folder: Path, dressing: Dressing) -> tuple[Quantised, Path, float]:
    """A network that rounds, its int8 graph, and the graph's step at the first output."""
    network, plain, dressed = built(Net), folder / "m.onnx", folder / "q.onnx"
    to_onnx(network, (1, 3, 64, 64), plain, names=("boxes", "scores"), metadata={})
    ranges = measure(plain, images(4), "minmax", percentile=100, symmetric=dressing.symmetric)
    dress(plain, dressed, ranges, dressing)
    found, traced = sites(dressed), trace(network, torch.from_numpy(images(1)[0]))
    where = places(traced, values(plain, images(1)[0], found.activations))
    grid = Grid(dressing.activations == "int8", dressing.symmetric, dressing.per_channel, dressing.reduce_range)
    fakes = Fakes(
        {place: ranges[name] for name, place in where.items()},
        frozenset(where[name] for name in found.whole),
        frozenset(layers(traced, found.weighted)),
        traced.norms,
        grid,
    )
    low, high = ranges["boxes"]
    return Quantised(network, fakes, 10, 0.01).eval(), dressed, (high - low) / 255


@pytest.mark.parametrize("name", DRESSINGS)
def test_torch_rounds_as_the_int8_graph_does(name: str, tmp_path: Path) -> None:
    rounding, dressed, step = pair(tmp_path, DRESSINGS[name])
    image = images(5)[-1]
    with torch.no_grad():
        boxes, plain = (net(torch.from_numpy(image))[0].numpy() for net in (rounding, rounding.network))
    right = open_session(dressed, "onnxruntime")(image)[0]
    assert np.abs(boxes - right).max() <= 1.01 * step
    assert np.abs(boxes - right).mean() < 0.25 * np.abs(plain - right).mean()


def test_a_batch_norm_that_trains_gives_the_same_gradients_to_layer_and_norm_as_folded(tmp_path: Path) -> None:
    rounding, *_ = pair(tmp_path, DRESSINGS["x86"])
    rounding.train()
    sum(out.square().mean() for out in rounding(torch.from_numpy(np.concatenate(images(2))))).backward()
    assert all(one.grad is not None and one.grad.abs().max() > 0 for one in rounding.parameters() if one.ndim > 1)
    assert all(module.training for module in rounding.modules() if isinstance(module, nn.BatchNorm2d))


def test_norms_and_ranges_follow_the_data_and_then_stand_still(tmp_path: Path) -> None:
    rounding, *_ = pair(tmp_path, DRESSINGS["x86"])
    rounding.moving = 2
    rounding.train()
    batch = torch.from_numpy(np.concatenate(images(2))) * 3
    seen = []
    for _ in range(4):
        rounding(batch)
        seen.append({name: value.clone() for name, value in rounding.state_dict().items() if "seen" not in name})
    moved = [[name for name in one if not torch.equal(one[name], two[name])] for one, two in pairwise(seen)]
    assert {"low", "high", "network.body.0.1.running_mean"} <= set(moved[0])
    assert moved[1:] == [[], []]


def test_a_place_that_nothing_makes_is_told() -> None:
    traced = trace(built(Net), torch.from_numpy(images(1)[0]))
    with pytest.raises(Unfinished, match="nothing in the network makes strange"):
        places(traced, {"strange": np.zeros((1, 32, 32, 32), np.float32)})
    with pytest.raises(Unfinished, match="body is no convolution"):
        layers(traced, ["body/Conv"])


class Batch(NamedTuple):
    images: Tensor
    truths: Any


class Noise:
    """Eight batches an epoch with the answers of a float network; may stop the training like a kill."""

    def __init__(self, teacher: nn.Module, dies_in: int | None = None):
        self.teacher, self.waited, self.dies_in = teacher, 0.0, dies_in

    def __len__(self) -> int:
        return 8

    def batches(self, epoch: int) -> Iterator[Batch]:
        for number in range(8):
            if epoch == self.dies_in and number == 3:
                raise KeyboardInterrupt
            images = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(10 * epoch + number))
            with torch.no_grad():
                answers = self.teacher(images)
            yield Batch(images, answers)


def lopsided() -> nn.Module:
    """A float network with one channel a hundred times larger than the others, which int8's one range cannot hold."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))
    network[1].momentum = None
    network(torch.rand(256, 3, 8, 8, generator=torch.Generator().manual_seed(5)))  # norms of the data
    network[1].momentum = 0.1
    with torch.no_grad():
        network[1].weight[0] *= 100
        network[3].weight[:, 0] /= 100
    return network.eval()


def rounding(network: nn.Module) -> Quantised:
    widest = float(network[:3](torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(7))).detach().max())
    fakes = Fakes(
        {"2/relu": (0.0, widest)},
        frozenset(),
        frozenset({"0", "3"}),
        {"0": "1"},
        Grid(signed=False, symmetric=False, per_channel=True, reduced=False),
    )
    return Quantised(network, fakes, 100, 0.05)


def course(state: Path, data: Noise) -> Course:
    state.mkdir(exist_ok=True)
    recipe = Recipe(images=8 * 160, batch=8, lr=0.01, precision="float32", ema=0.9)
    return Course(lambda out, right: {"square": (out - right).square().mean()}, data, recipe, state, lambda _: None)


def off(network: nn.Module) -> float:
    """The mean squared distance from the float network on images that no training saw."""
    images = torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(99))
    with torch.no_grad():
        return float((network.eval()(images) - lopsided()(images)).square().mean())


def test_training_under_rounding_recovers_what_rounding_lost(tmp_path: Path) -> None:
    trained = rounding(lopsided())
    before = off(trained)
    assert before > 0.01
    fit(trained, course(tmp_path, Noise(lopsided())))
    assert off(trained) < before / 2


def test_a_killed_training_goes_on_with_its_ranges_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, killed, again = (rounding(lopsided()) for _ in range(3))
    fit(whole, course(tmp_path / "whole", Noise(lopsided())))
    with pytest.raises(KeyboardInterrupt):
        fit(killed, course(tmp_path / "killed", Noise(lopsided(), dies_in=15)))
    fit(again, course(tmp_path / "killed", Noise(lopsided())))
    assert whole.ranges() != rounding(lopsided()).ranges()
    for one, two in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, two)
