"""What stages ask of the clock is measured before them, once, by the pipeline, of any network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfast_edge import blueprint, gauge
from mfast_edge.candidate import Candidate
from mfast_edge.data.index import read
from mfast_edge.latency import Layer
from mfast_edge.models.ssd.build import Build
from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.tiny import MODEL
from mfast_edge.pipeline import make
from mfast_edge.stages.decompose import Decompose
from mfast_edge.store import Store
from mfast_edge.target import Target, Timing, find
from mfast_edge.workshop import Workshop

PART = Decompose(share=0.125, error=1.0, photos=2, round_to=1, images=0, int8=False, precision="float32")


class Clock:
    """An invented machine: a layer takes its multiply-adds, the reference a millisecond."""

    def __init__(self) -> None:
        self.seen: list[Layer] = []

    def __call__(self, some: Sequence[Layer], place: gauge.Shelf) -> gauge.Measured:
        self.seen += some
        return gauge.Measured(tuple(one.macs / 1e6 for one in some), 1.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(gauge, "gauge", made)
    return made


class Flat(nn.Module):
    """A network with a linear layer of rank 3."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = nn.Conv2d(3, 8, 8, 8), nn.Linear(8 * 144, 256)
        self.last.weight.data = torch.randn(256, 3) @ torch.randn(3, 8 * 144) / 60

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.body(x / 128 - 1).flatten(1))
        return found


@dataclass(frozen=True, slots=True)
class Flattened(Detector):
    """The tiny detector, but for its network."""

    def network(self, build: Build) -> nn.Module:
        return Flat()


Furnish = Callable[..., tuple[Workshop, Candidate]]


@pytest.fixture
def furnish(tmp_path: Path) -> Furnish:
    """A workshop and a network in it."""

    def made(model: Any = MODEL, target: Target | None = None) -> tuple[Workshop, Candidate]:
        data = read("particles:60x96", cache=tmp_path / "data", seed=0)
        quick = (target or find("x86")).model_copy(update={"timing": Timing(rounds=5, seconds=0.001, warmup=1)})
        build = model.build(classes=data.classes)
        shop = Workshop(model, build, data, quick, Store(tmp_path), 0, "cpu", None, lambda _: None)
        folder = shop.store.folder("parent")
        folder.mkdir(parents=True)
        shop.write(shop.fresh(), folder)
        return shop, Candidate("parent", model.name, "torch", folder, ())

    return made


@pytest.mark.parametrize("int8", [False, True])
def test_a_network_with_a_linear_layer_is_decomposed(furnish: Furnish, clock: Clock, int8: bool) -> None:
    shop, parent = furnish(Flattened("flat", MODEL.build, MODEL.body))
    child, seconds = make("decompose", PART.model_copy(update={"share": 0.0118, "int8": int8}), parent, shop, 0)
    assert seconds is not None
    assert {layer.kind for layer in clock.seen} > {"linear"}
    assert blueprint.read(child.folder)["layers"]["last"]["type"] == "Sequential"
    one, two = shop.network(parent), shop.network(child)
    with torch.no_grad():
        torch.testing.assert_close(one(torch.ones(1, 3, 96, 96)), two(torch.ones(1, 3, 96, 96)), atol=1e-3, rtol=1e-3)
