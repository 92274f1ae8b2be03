"""An unfinished training on disk: one safetensors file, replaced whole, never pickled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

NAME = "last.safetensors"
Saved = tuple[int, dict[str, Tensor]]


def save(folder: Path, epoch: int, parts: dict[str, nn.Module], optimiser: optim.Optimizer) -> None:
    """Everything that the next epoch depends on; the old file stays until the new one is whole."""
    tensors = {f"{part}/{name}": t for part, module in parts.items() for name, t in module.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors |= flat(f"optimiser/{number}/{name}", value)
    tensors["random"] = torch.get_rng_state()
    beside = folder / f".{NAME}"
    save_file(
        {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()},
        beside,
        {"epoch": str(epoch)},
    )
    with beside.open("rb") as stream:
        os.fsync(stream.fileno())
    beside.replace(folder / NAME)


def read(folder: Path) -> Saved | None:
    """What was saved in `folder`: epochs done, tensors by name; None where nothing was."""
    if not (folder / NAME).is_file():
        return None
    with safe_open(folder / NAME, "pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a dict
        return int(stored.metadata()["epoch"]), tensors


def restore(saved: Saved | None, parts: dict[str, nn.Module], optimiser: optim.Optimizer) -> int:
    """Put everything back; the number of epochs done, 0 where nothing was saved."""
    if saved is None:
        return 0
    epoch, tensors = saved
    for part, module in parts.items():
        module.load_state_dict(below(tensors, f"{part}/"))
    groups = optimiser.state_dict()["param_groups"]
    numbers = {int(name.split("/")[0]) for name in below(tensors, "optimiser/")}
    state = {number: whole(below(tensors, f"optimiser/{number}/")) for number in sorted(numbers)}
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    torch.set_rng_state(tensors["random"])
    return epoch


def flat(name: str, value: Any) -> dict[str, Tensor]:
    """A value of an optimiser's state by name: NAME of a tensor, NAME/number of a Python number, NAME/list and
    NAME/list/0 … of a list. What is None, or a list with a None, is rewritten before it is read (L-BFGS's `al`)."""
    if isinstance(value, Tensor):
        return {name: value}
    if isinstance(value, int | float):
        return {f"{name}/number": torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)}
    found = value or []
    if any(one is None for one in found):
        return {}
    return {f"{name}/list": torch.tensor(len(found))} | {f"{name}/list/{place}": one for place, one in enumerate(found)}


def whole(state: dict[str, Tensor]) -> dict[str, Any]:
    """The values that `flat` took apart."""
    found: dict[str, Any] = {}
    for name, tensor in state.items():
        head, _, kind = name.partition("/")
        if kind.startswith("list"):
            inside, place = found.setdefault(head, {}), kind.removeprefix("list").removeprefix("/")
            inside.update({int(place): tensor} if place else {})
        else:
            found[head] = tensor.item() if kind else tensor
    return {name: [one for _, one in sorted(v.items())] if isinstance(v, dict) else v for name, v in found.items()}


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries under a prefix, without it."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
