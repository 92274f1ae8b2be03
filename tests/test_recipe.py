"""Recipes: what enters keys."""

from __future__ import annotations

from typing import get_args

import pytest

from mfast_edge.errors import UserError
from mfast_edge.recipe import USUAL, Optimiser, Recipe
from mfast_edge.settings import check
from mfast_edge.stages.distill import Distill

OLD = {"images", "batch", "lr", "weight_decay", "warmup", "ema", "clip", "precision"}


@pytest.mark.parametrize(
    "given",
    [
        {"flips": "both"},
        {"optimiser": "sgd", "nesterov": True, "lr": 0.1, "weight_decay": 0.0},
        {"teacher": "float"},
        {"teacher": "0" * 20, "logits": 0.0, "features": 0.5},
    ],
)
def test_a_rare_setting_enters_keys_only_where_it_is_used(given: dict[str, object]) -> None:
    assert set(Recipe().model_dump(mode="json")) == OLD
    used = Recipe.model_validate(given)
    assert used.model_dump(mode="json") == Recipe().model_dump(mode="json") | given
    assert used.settled().model_dump(mode="json") == used.model_dump(mode="json") | {
        "precision": used.settled().precision
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"features": 1.0}, "a teacher beside it"),
        ({"logits": 0.5}, "a teacher beside it"),
        ({"teacher": "float", "logits": 0.0}, "above 0"),
        ({"teacher": "the best"}, "should match pattern"),
        ({"teacher": "float", "features": -1.0}, "greater than or equal to 0"),
    ],
)
def test_a_weight_without_a_teacher_and_a_teacher_without_a_weight_are_refused(
    given: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        check(Recipe, given, "prune")


def test_an_optimiser_brings_its_usual_rate_and_decay() -> None:
    assert (Recipe(optimiser="sgd").lr, Recipe(optimiser="sgd").weight_decay) == (0.05, 5e-4)
    assert Recipe(optimiser="sgd", lr=0.1, weight_decay=0.0).lr == 0.1
    assert check(Distill, {"optimiser": "adadelta"}, "distill").lr == 0.25  # a quarter of AdamW's there too
    assert Recipe.model_validate(Recipe(optimiser="lbfgs").model_dump(mode="json")) == Recipe(optimiser="lbfgs")
    assert set(get_args(Optimiser)) == {"adamw", *USUAL}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"optimiser": "adagard"}, "adagrad"),
        ({"nesterov": True}, "nesterov with adamw; optimiser: sgd"),
        ({"optimiser": "rmsprop", "sgd_momentum": 0.5}, "sgd_momentum with rmsprop"),
        ({"optimiser": "sgd", "nesterov": True, "sgd_momentum": 0.0}, "above 0"),
        ({"optimiser": "lbfgs", "weight_decay": 0.1}, "0 would be right"),
        ({"optimiser": "rprop", "schedule": "linear"}, "steps are its own"),
    ],
)
def test_what_an_optimiser_would_not_look_at_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        check(Recipe, given, "train")
