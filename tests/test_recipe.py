"""Recipes: what enters keys."""

from __future__ import annotations

import pytest

from mfast_edge.recipe import Recipe

OLD = {"images", "batch", "lr", "weight_decay", "warmup", "ema", "clip", "precision"}


@pytest.mark.parametrize("given", [{"flips": "both"}])
def test_a_rare_setting_enters_keys_only_where_it_is_used(given: dict[str, object]) -> None:
    assert set(Recipe().model_dump(mode="json")) == OLD
    used = Recipe.model_validate(given)
    assert used.model_dump(mode="json") == Recipe().model_dump(mode="json") | given
    assert used.settled().model_dump(mode="json") == used.model_dump(mode="json") | {
        "precision": used.settled().precision
    }
