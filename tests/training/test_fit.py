"""Training: the schedule, stopping and going on, a loss that is not a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from mfast_edge.errors import Diverged
from mfast_edge.recipe import Recipe
from mfast_edge.training.fit import Course, Progress, fit
from mfast_edge.training.optimisers import CLASSES
from mfast_edge.training.schedule import share


class Batch(NamedTuple):
    images: Tensor
    truths: Any


class Noise:
    """Four batches an epoch, the same for the same epoch; may stop the training like a kill."""

    def __init__(self, dies_in: int | None = None):
        self.waited, self.dies_in = 0.0, dies_in

    def __len__(self) -> int:
        return 4

    def batches(self, epoch: int) -> Iterator[Batch]:
        for number in range(4):
            if epoch == self.dies_in and number == 2:
                raise KeyboardInterrupt
            random = torch.Generator().manual_seed(10 * epoch + number)
            yield Batch(torch.rand(4, 3, 8, 8, generator=random), None)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))


def loss(outputs: Any, _: Any) -> dict[str, Tensor]:
    return {"square": (outputs - 1).square().mean()}


def course(state: Path, data: Noise, told: list[Progress], **settings: Any) -> Course:
    state.mkdir(exist_ok=True)
    recipe = Recipe(**{"images": 72, "batch": 4, "precision": "float32", **settings})
    return Course(loss, data, recipe, state, told.append)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [share("cosine", step, 100, 0.1) for step in range(100)]
    assert rates[0] == 0.1
    assert max(rates) == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


def test_restarts_rise_at_once_and_each_falls_to_nothing_twice_as_slowly() -> None:
    rates = [share("restarts", step, 701, 1 / 701) for step in range(1, 701)]
    assert [step for step in range(1, 700) if rates[step] > rates[step - 1]] == [100, 300]
    assert rates[0] == rates[100] == rates[300] == 1.0
    assert rates[50] == rates[200] == rates[500] == pytest.approx(0.5)
    assert max(rates[99], rates[299], rates[699]) < 0.001


def test_linear_and_constant_rates_are_what_they_are_called() -> None:
    assert [share("linear", step, 11, 0.0) for step in (1, 6)] == [1.0, 0.5]
    assert {share("constant", step, 11, 0.0) for step in range(11)} == {1.0}


@pytest.mark.parametrize("name", CLASSES)
def test_every_optimiser_learns_and_goes_on_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Beside AdamW; dropout would show a random state that is not kept."""
    whole, killed, again = (nn.Sequential(*network(), nn.Dropout(0.2)) for _ in range(3))
    told: list[Progress] = []
    for module, folder, dies in ((whole, "whole", None), (killed, "killed", 2), (again, "killed", None)):
        torch.manual_seed(0)
        if dies:
            with pytest.raises(KeyboardInterrupt):
                fit(module, course(tmp_path / folder, Noise(dies), [], optimiser=name, images=64))
        else:
            fit(module, course(tmp_path / folder, Noise(), told, optimiser=name, images=64))
    assert [one.epoch for one in told] == [1, 2, 3, 4, 3, 4]
    assert told[3].loss < told[0].loss
    for one, two in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_a_search_along_a_line_sees_the_same_dropout(tmp_path: Path) -> None:
    """Else it would take a lucky mask for a good step."""
    torch.manual_seed(0)
    masks = list[Tensor]()

    class Watched(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            masks.append(nn.functional.dropout(torch.ones(8)))
            return x

    fit(nn.Sequential(*network(), Watched()), course(tmp_path, Noise(), [], optimiser="lbfgs", images=4))
    assert len(masks) > 2
    assert all(torch.equal(mask, masks[0]) for mask in masks)


def test_training_lowers_the_loss_and_tells_every_epoch(tmp_path: Path) -> None:
    told: list[Progress] = []
    fit(network(), course(tmp_path, Noise(), told, lr=0.05))
    assert [p.epoch for p in told] == [1, 2, 3, 4, 5]  # 18 steps, 4 an epoch
    assert told[-1].loss < told[0].loss / 2


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = network(), network()
    fit(whole, course(tmp_path / "whole", Noise(), []))
    with pytest.raises(KeyboardInterrupt):
        fit(killed, course(tmp_path / "killed", Noise(dies_in=3), []))
    again, told = network(), []
    fit(again, course(tmp_path / "killed", Noise(), told))
    assert told[0].epoch == 4
    for one, two in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, two)


class Lesson(nn.Module):
    """Something that learns along and is thrown away, and pulls the outputs up."""

    def __init__(self) -> None:
        super().__init__()
        self.adapter = nn.Conv2d(1, 1, 1)

    def forward(self, network: nn.Module, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        outputs = network(images)
        return outputs, {"lesson": (self.adapter(outputs) - 3).square().mean()}


def taught(state: Path, data: Noise, told: list[Progress]) -> Course:
    torch.manual_seed(0)
    return replace(course(state, data, told), lesson=Lesson())


def test_a_lesson_is_added_to_the_loss_and_learns_along(tmp_path: Path) -> None:
    alone, beside = list[Progress](), list[Progress]()
    fit(network(), course(tmp_path / "alone", Noise(), alone))
    with_lesson = taught(tmp_path / "beside", Noise(), beside)
    assert with_lesson.lesson
    before = [parameter.clone() for parameter in with_lesson.lesson.parameters()]
    fit(network(), with_lesson)
    assert beside[0].loss > alone[0].loss + 4
    assert not any(map(torch.equal, before, with_lesson.lesson.parameters()))


def test_a_killed_training_with_a_lesson_ends_with_the_same_bytes_too(tmp_path: Path) -> None:
    whole, killed, again = network(), network(), network()
    learnt, resumed = taught(tmp_path / "whole", Noise(), []), taught(tmp_path / "killed", Noise(), [])
    fit(whole, learnt)
    with pytest.raises(KeyboardInterrupt):
        fit(killed, taught(tmp_path / "killed", Noise(dies_in=3), []))
    fit(again, resumed)
    assert learnt.lesson
    assert resumed.lesson
    for one, two in ((whole, again), (learnt.lesson, resumed.lesson)):
        assert all(map(torch.equal, one.state_dict().values(), two.state_dict().values()))


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_good_epoch(tmp_path: Path) -> None:
    class Broken(Noise):
        def batches(self, epoch: int) -> Iterator[Batch]:
            for batch in super().batches(epoch):
                yield Batch(batch.images * (float("nan") if epoch == 2 else 1), None)

    with pytest.raises(Diverged, match="epoch 3"):
        fit(network(), course(tmp_path, Broken(), []))
    told: list[Progress] = []
    fit(network(), course(tmp_path, Noise(), told))
    assert told[0].epoch == 3


def test_a_gradient_that_is_not_a_number_stops_too(tmp_path: Path) -> None:
    """√(x - x) is 0, its gradient infinite times 0: in the last step of all no later loss would show it."""
    finite = course(tmp_path, Noise(), [])
    steps = iter(range(1, finite.recipe.steps + 1))

    def broken(out: Any, truth: Any) -> dict[str, Tensor]:
        zero = (out - out).sum().sqrt() if next(steps) == finite.recipe.steps else 0
        return {name: value + zero for name, value in finite.loss(out, truth).items()}

    with pytest.raises(Diverged, match="epoch 5"):
        fit(network(), replace(finite, loss=broken))


def test_the_average_of_a_short_training_is_not_what_it_started_from() -> None:
    from mfast_edge.training.ema import averaging

    average, kept = averaging(0.995), [torch.zeros(1), torch.zeros(1, dtype=torch.long)]
    for number in range(50):
        average(kept, [torch.ones(1), torch.tensor([number])], number)
    assert float(kept[0]) > 0.99
    assert int(kept[1]) == 49


def test_who_watches_sees_the_average_and_changes_no_byte(tmp_path: Path) -> None:
    """Its random numbers are its own; the average is in eval mode and is what the training ends with."""
    alone, watched, seen = network(), network(), list[tuple[int, int]]()
    weights = list[Tensor]()

    def watch(average: nn.Module, epochs: int, images: int) -> None:
        assert not any(part.training for part in average.modules())
        torch.rand(3)
        seen.append((epochs, images))
        weights.append(average.state_dict()["0.weight"].clone())

    fit(alone, course(tmp_path / "alone", Noise(), []))
    fit(watched, replace(course(tmp_path / "watched", Noise(), []), watch=watch))
    assert seen == [(1, 16), (2, 32), (3, 48), (4, 64), (5, 72)]
    assert all(map(torch.equal, alone.state_dict().values(), watched.state_dict().values()))
    assert torch.equal(weights[-1], watched.state_dict()["0.weight"])


def test_what_a_watcher_raises_ends_the_training(tmp_path: Path) -> None:
    def watch(average: nn.Module, epochs: int, images: int) -> None:
        if epochs == 2:
            raise KeyboardInterrupt

    told: list[Progress] = []
    with pytest.raises(KeyboardInterrupt):
        fit(network(), replace(course(tmp_path, Noise(), told), watch=watch))
    assert [p.epoch for p in told] == [1, 2]
