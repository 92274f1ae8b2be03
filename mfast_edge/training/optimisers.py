"""Optimisers by name, torch.optim's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, optim

from mfast_edge.recipe import UNDECAYED, Recipe

CLASSES: dict[str, type[optim.Optimizer]] = {
    "adamw": optim.AdamW,
    "adam": optim.Adam,
    "sgd": optim.SGD,
    "adadelta": optim.Adadelta,
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "rprop": optim.Rprop,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "adamax": optim.Adamax,
    "asgd": optim.ASGD,
    "lbfgs": optim.LBFGS,
}
SEARCHED: dict[str, Any] = {"max_iter": 4, "history_size": 10, "line_search_fn": "strong_wolfe"}  # lbfgs, on a batch


def made(parameters: Iterable[Tensor], recipe: Recipe) -> optim.Optimizer:
    """The recipe's optimiser of these parameters, in one group."""
    settings: dict[str, Any] = {} if recipe.optimiser in UNDECAYED else {"weight_decay": recipe.weight_decay}
    if recipe.optimiser == "sgd":
        settings |= {"momentum": recipe.sgd_momentum, "nesterov": recipe.nesterov}
    if recipe.optimiser == "lbfgs":
        settings |= SEARCHED
    return CLASSES[recipe.optimiser](parameters, lr=recipe.lr, **settings)  # type: ignore[call-arg]


def searching(optimiser: optim.Optimizer) -> bool:
    """Whether a step looks at the loss in several places: L-BFGS with its line search (Liu 1989)."""
    return isinstance(optimiser, optim.LBFGS)
