"""One of several processes that train a small network: python -m tests.training.together RANK SIZE PORT FILE."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn

from mfast_edge.crew import leave
from mfast_edge.recipe import Recipe
from mfast_edge.training.fit import Course, Progress, fit
from mfast_edge.training.team import Team, extremes, group


class Batch(NamedTuple):
    images: Tensor
    truths: Any


class Noise:
    """Four batches an epoch, each process's share of them: of 5, 5, 5 and 1 images, so that one has none at last."""

    waited = 0.0

    def __init__(self, rank: int, size: int):
        self.rank, self.size = rank, size

    def __len__(self) -> int:
        return 4

    def batches(self, epoch: int) -> Iterator[Batch]:
        for number, count in enumerate((5, 5, 5, 1)):
            random = torch.Generator().manual_seed(10 * epoch + number)
            images, truths = torch.rand(count, 3, 16, 16, generator=random), torch.rand(count, generator=random)
            mine = slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)
            none = mine.start == mine.stop
            yield Batch(images[:1] if none else images[mine], tuple(truths[mine]))


def network() -> nn.Module:
    """Norms with and without weights, a dropout, and an output that is a dictionary of tuples."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3))
    neck = nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8, affine=False), nn.ReLU6())
    return Named(nn.Sequential(body, neck, nn.Flatten(), nn.Linear(8 * 6 * 6, 2)))


class Named(nn.Module):
    """Names what comes out."""

    def __init__(self, inside: nn.Module):
        super().__init__()
        self.inside = inside

    def forward(self, images: Tensor) -> dict[str, tuple[Tensor, ...]]:
        return {"both": tuple(self.inside(images * 4 + 30).unbind(1))}


def loss(outputs: Any, truths: Any) -> dict[str, Tensor]:
    """One term per chosen image, as a detector's is per matched anchor: no mean of processes' means is equal to it."""
    (one, two), wanted = outputs["both"], torch.stack(tuple(truths))
    chosen = wanted > 0.4
    return {"chosen": (one - wanted)[chosen].square().sum() / chosen.sum().clamp(min=1), "all": two.square().mean()}


class Lesson(nn.Module):
    """A term that is a ratio over the batch, with a parameter of its own."""

    whole = staticmethod(lambda own: own)

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, inside: nn.Module, images: Tensor) -> tuple[Any, dict[str, Tensor]]:
        outputs = inside(images)
        one, two = (self.whole(out * self.scale) for out in outputs["both"])
        return outputs, {"lesson": (one - two).square().sum() / (1 + two.square().sum())}


def trained(team: Team) -> tuple[list[float], dict[str, Tensor]]:
    """The loss of each epoch and what the network ends with; only process 0's beginning counts."""
    learner, told = network(), list[Progress]()
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(images=16 * 5, batch=4, precision="float32", lr=1e-3)
        data = Noise(team.rank, team.size)
        if team.rank:
            nn.init.zeros_(next(learner.parameters()))
        fit(learner, Course(loss, data, recipe, Path(folder), told.append, Lesson(), team))
        written = [path.name for path in Path(folder).iterdir()]
    assert written == ([] if team.rank else ["last.safetensors"])
    return [one.loss for one in told], learner.state_dict()


def main() -> None:
    """Train with the others; process 0 writes what came of it."""
    rank, size, port = map(int, sys.argv[1:4])
    store = distributed.TCPStore("127.0.0.1", port, is_master=False, wait_for_workers=False)  # type: ignore[attr-defined]
    with group(store, rank, size, "cpu") as team:
        found = trained(team)
        low, high = extremes(torch.tensor([rank - 5.0, rank + 5.0]))
    if rank == 0:
        torch.save((*found, (float(low), float(high))), sys.argv[4])
    leave(0)


if __name__ == "__main__":
    main()
