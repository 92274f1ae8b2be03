"""The one training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, isfinite, nan
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn, optim
from torch.optim.swa_utils import AveragedModel

from mfast_edge.errors import Diverged
from mfast_edge.recipe import Recipe
from mfast_edge.training import checkpoint
from mfast_edge.training.ema import averaging
from mfast_edge.training.schedule import cosine

Loss = Callable[[Any, Any], dict[str, Tensor]]


class Batch(Protocol):
    """Images (B, 3, H, W) float32 RGB 0..255 and what is on them."""

    @property
    def images(self) -> Tensor: ...
    @property
    def truths(self) -> Any: ...


class Batches(Protocol):
    """Where batches come from; the same epoch always gives the same ones."""

    waited: float

    def __len__(self) -> int: ...
    def batches(self, epoch: int) -> Iterator[Batch]: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """What is told after every epoch."""

    epoch: int
    epochs: int
    loss: float
    images_s: float
    waiting: float  # share of the epoch spent waiting for data
    left_s: float


@dataclass(frozen=True, slots=True)
class Course:
    """A training but for its network: what to learn from and how; `state` keeps the last finished epoch."""

    loss: Loss
    data: Batches
    recipe: Recipe
    state: Path
    tell: Callable[[Progress], None]
    lesson: nn.Module | None = None  # (network, images) → outputs, what a teacher adds to the loss; learns along

    @property
    def besides(self) -> dict[str, nn.Module]:
        """What is trained along and thrown away."""
        return {"lesson": self.lesson} if self.lesson else {}

    @property
    def steps(self) -> int:
        """Steps in all; the last epoch may be cut short."""
        return max(1, ceil(self.recipe.images / self.recipe.batch))

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return ceil(self.steps / len(self.data))


def fit(network: nn.Module, course: Course) -> None:
    """Train `network` in place; it ends holding the moving average of its weights, in eval mode.

    A killed training goes on from the last finished epoch and ends with the same bytes. Raises Diverged when
    the loss or its gradient is not finite; the checkpoint of the last good epoch stays.
    """
    network.train().to(memory_format=torch.channels_last)  # 1.3 to 1.7 times the images/s on a CPU
    average = AveragedModel(network, multi_avg_fn=averaging(course.recipe.ema), use_buffers=True)
    learners = nn.ModuleDict({"network": network, **course.besides})
    optimiser = optim.AdamW(learners.parameters(), course.recipe.lr, weight_decay=course.recipe.weight_decay)
    parts = {"network": network, "average": average, **course.besides}
    done = checkpoint.load(course.state, parts, optimiser)
    begun = time.monotonic()
    for epoch in range(done, course.epochs):
        pace = learn(network, average, optimiser, course, epoch)
        checkpoint.save(course.state, epoch + 1, parts, optimiser)
        left = (time.monotonic() - begun) / (epoch + 1 - done) * (course.epochs - epoch - 1)
        course.tell(Progress(epoch + 1, course.epochs, *pace, left))
    network.load_state_dict(average.module.state_dict())
    network.eval().to(memory_format=torch.contiguous_format)


def learn(
    network: nn.Module, average: AveragedModel, optimiser: optim.Optimizer, course: Course, epoch: int
) -> tuple[float, float, float]:
    """One epoch: (mean loss, images/s, share of the time spent waiting for data)."""
    started, waited, total, seen = time.monotonic(), course.data.waited, 0.0, 0
    numbers = range(epoch * len(course.data), course.steps)
    for number, batch in zip(numbers, course.data.batches(epoch), strict=False):
        optimiser.param_groups[0]["lr"] = course.recipe.lr * cosine(number, course.steps, course.recipe.warmup)
        loss = step(network, batch, optimiser, course)
        if not isfinite(loss):
            raise Diverged(
                f"training: the loss or its gradient is not a number in epoch {epoch + 1}; the last good epoch is kept "
                f"in {course.state}; a lower learning rate would be right, such as --set train.lr=0.0002 (prune.lr in "
                "a recovery)"
            )
        total += loss * len(batch.images)
        seen += len(batch.images)
        average.update_parameters(network)
    spent = time.monotonic() - started
    return total / seen, seen / spent, (course.data.waited - waited) / spent


def step(network: nn.Module, batch: Batch, optimiser: optim.Optimizer, course: Course) -> float:
    """One step down the gradient; the loss, nan where it or its gradient is not finite (then no step is made)."""
    device = next(network.parameters()).device
    images = batch.images.to(device, memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=course.recipe.precision == "bfloat16"):
        outputs, taught = course.lesson(network, images) if course.lesson else (network(images), {})
    terms = {**course.loss(outputs, batch.truths), **taught}
    whole = torch.stack(list(terms.values())).sum()
    optimiser.zero_grad(set_to_none=True)
    whole.backward()  # type: ignore[no-untyped-call]
    learning = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    norm = nn.utils.clip_grad_norm_(learning, course.recipe.clip)
    if not (torch.isfinite(whole) and torch.isfinite(norm)):
        return nan
    optimiser.step()
    return float(whole.detach())
