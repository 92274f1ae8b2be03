"""Recipes: what enters keys."""

from __future__ import annotations

import pytest

from mfast_edge.errors import UserError
from mfast_edge.recipe import Recipe
from mfast_edge.settings import check

OLD = {"images", "batch", "lr", "weight_decay", "warmup", "ema", "clip", "precision"}


@pytest.mark.parametrize(
    "given", [{"flips": "both"}, {"teacher": "float"}, {"teacher": "0" * 20, "logits": 0.0, "features": 0.5}]
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
