"""The one training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
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
from mfast_edge.training.optimisers import made, searching
from mfast_edge.training.schedule import share
from mfast_edge.training.team import Team

Loss = Callable[[Any, Any], dict[str, Tensor]]
Watch = Callable[[nn.Module, int, int], None]  # (averaged network in eval mode, epochs done, images seen)


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

    def line(self) -> str:
        """All of it, for people."""
        return (
            f"epoch {self.epoch}/{self.epochs}  loss {self.loss:.3f}  {self.images_s:.1f} images/s  "
            f"{self.waiting:.0%} waiting for data  {self.left_s / 60:.1f} min left"
        )


@dataclass(frozen=True, slots=True)
class Course:
    """A training but for its network: what to learn from and how; `state` keeps the last finished epoch."""

    loss: Loss
    data: Batches
    recipe: Recipe
    state: Path
    tell: Callable[[Progress], None]
    lesson: nn.Module | None = None  # (network, images) → outputs, what a teacher adds to the loss; learns along
    team: Team = field(default_factory=Team)  # the processes that train; the data are each one's own share
    watch: Watch | None = None  # called after each epoch by the first process; what it raises ends the training

    @property
    def besides(self) -> dict[str, nn.Module]:
        """What is trained along and thrown away."""
        return {"lesson": self.lesson} if self.lesson else {}

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return ceil(self.recipe.steps / len(self.data))


class Learner(nn.Module):
    """What is trained: the network, and what a teacher's lesson trains along."""

    def __init__(self, network: nn.Module, lesson: nn.Module | None):
        super().__init__()
        self.network, self.lesson = network, lesson

    def forward(self, images: Tensor) -> tuple[Any, dict[str, Tensor]]:
        """The network's outputs, and what the lesson adds to the loss."""
        if self.lesson is None:
            return self.network(images), {}
        taught: tuple[Any, dict[str, Tensor]] = self.lesson(self.network, images)
        return taught


@dataclass(frozen=True, slots=True)
class Student:
    """What a training changes; `learner` holds the network, and is what each process calls on its images."""

    network: nn.Module
    learner: nn.Module
    average: AveragedModel
    optimiser: optim.Optimizer


def fit(network: nn.Module, course: Course) -> None:
    """Train `network` in place; it ends holding the moving average of its weights, in eval mode.

    A killed training goes on from the last finished epoch and ends with the same bytes. Raises Diverged when
    the loss or its gradient is not finite; the checkpoint of the last good epoch stays. Of several processes
    the first one's network is trained, and it alone reads and writes the checkpoint.
    """
    lay = (
        torch.contiguous_format if course.recipe.optimiser == "lbfgs" else torch.channels_last
    )  # it flattens gradients
    network.train().to(memory_format=lay)  # channels last: 1.3 to 1.7 times the images/s on a CPU
    lesson: Any = course.lesson
    if hasattr(lesson, "whole"):
        lesson.whole = course.team.whole
    learner = course.team.wrap(Learner(network, lesson))
    average = AveragedModel(network, multi_avg_fn=averaging(course.recipe.ema), use_buffers=True)
    optimiser = made(learner.parameters(), course.recipe)
    student = Student(network, learner, average, optimiser)
    parts = {"network": network, "average": average, **course.besides}
    first = course.team.rank == 0
    done = checkpoint.restore(course.team.agreed(checkpoint.read(course.state) if first else None), parts, optimiser)
    begun = time.monotonic()
    for epoch in range(done, course.epochs):
        pace = learn(student, course, epoch)
        if first:
            checkpoint.save(course.state, epoch + 1, parts, optimiser)
        left = (time.monotonic() - begun) / (epoch + 1 - done) * (course.epochs - epoch - 1)
        course.tell(Progress(epoch + 1, course.epochs, *pace, left))
        if first:
            show(average, course, epoch + 1)
    network.load_state_dict(average.module.state_dict())
    network.eval().to(memory_format=torch.contiguous_format)


def show(average: AveragedModel, course: Course, epochs: int) -> None:
    """Let who watches look at the averaged network; the training's random numbers stay as they were."""
    if course.watch:
        seen = min(epochs * len(course.data), course.recipe.steps) * course.recipe.batch
        with torch.random.fork_rng(devices=[]):
            course.watch(average.module.eval(), epochs, seen)


def learn(student: Student, course: Course, epoch: int) -> tuple[float, float, float]:
    """One epoch: (mean loss, images/s, share of the time spent waiting for data)."""
    started, waited, total, seen = time.monotonic(), course.data.waited, 0.0, 0
    numbers = range(epoch * len(course.data), course.recipe.steps)
    for number, batch in zip(numbers, course.data.batches(epoch), strict=False):
        if course.recipe.optimiser != "rprop":
            rate = course.recipe.lr * share(course.recipe.schedule, number, course.recipe.steps, course.recipe.warmup)
            student.optimiser.param_groups[0]["lr"] = rate
        loss, images = step(student, batch, course)
        if not isfinite(loss):
            raise Diverged(
                f"training: the loss or its gradient is not a number in epoch {epoch + 1}; the last good epoch is kept "
                f"in {course.state}; a lower learning rate would be right, such as --set train.lr=0.0002 (prune.lr in "
                "a recovery)"
            )
        total += loss * images
        seen += images
        student.average.update_parameters(student.network)
    spent = time.monotonic() - started
    return total / seen, seen / spent, (course.data.waited - waited) / spent


def step(student: Student, batch: Batch, course: Course) -> tuple[float, int]:
    """One step down the gradient of the whole batch's loss; that loss, and how many images the batch has.

    nan where the loss or its gradient is not finite; then no step is made.
    """
    team, optimiser, device = course.team, student.optimiser, next(student.network.parameters()).device
    truths, count = team.meet(batch.truths, len(batch.images))
    lay = torch.contiguous_format if searching(optimiser) else torch.channels_last
    images, drawn = batch.images.to(device, memory_format=lay), torch.get_rng_state()
    slope = partial(descent, student, images, truths, course)
    whole, finite = slope()
    if finite and searching(optimiser):
        finite = sought(optimiser, slope, whole, drawn)
    elif finite:
        optimiser.step()
    return (float(whole.detach()) if finite else nan), count


def descent(student: Student, images: Tensor, truths: Any, course: Course) -> tuple[Tensor, bool]:
    """The whole batch's loss, its clipped gradient in the parameters, and whether both are finite."""
    team, optimiser = course.team, student.optimiser
    with (
        torch.autocast(images.device.type, torch.bfloat16, enabled=course.recipe.precision == "bfloat16"),
        team.alike(),
    ):
        outputs, taught = student.learner(images)
    terms = {**course.loss(team.whole(outputs), truths), **taught}
    whole = torch.stack(list(terms.values())).sum()
    optimiser.zero_grad(set_to_none=True)
    (whole * team.size).backward()  # type: ignore[no-untyped-call]  # of own images; their mean is taken
    learning = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    norm = nn.utils.clip_grad_norm_(learning, course.recipe.clip)
    return whole, bool(torch.isfinite(whole) and torch.isfinite(norm))


def sought(optimiser: optim.Optimizer, slope: Callable[[], tuple[Tensor, bool]], whole: Tensor, drawn: Tensor) -> bool:
    """A step of an optimiser that looks at loss and gradient in several places, the first being `whole` and the one at
    hand; whether all that it saw was finite.

    It always looks with the random numbers `drawn`, so that dropout makes one function of the loss. The statistics of
    norms see the batch as often as it looks.
    """
    seen: list[tuple[Tensor, bool]] = []

    def look() -> float:
        if seen:
            torch.set_rng_state(drawn)
        seen.append(slope() if seen else (whole, True))
        return float(seen[-1][0].detach())

    optimiser.step(look)
    return all(finite for _, finite in seen)
