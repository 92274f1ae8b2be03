"""Every model: photos of which only the classes are known, among others with boxes, break no training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mfast_edge.data.sample import ANY, Truth
from mfast_edge.model import find
from mfast_edge.models import MODELS
from tests.contracts.test_rebuild import shop_of

ANYTHING, IGNORED = np.full(1, ANY), np.ones(1, bool)
BARE = Truth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool), labels=(1,))


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("every", [1, 2])
def test_the_loss_of_photos_with_and_without_boxes_is_finite(name: str, every: int, tmp_path: Path) -> None:
    shop = shop_of(find(name, MODELS), tmp_path, tmp_path / "data")
    train = tuple(
        replace(record, truth=BARE) if number % every == 0 else record
        for number, record in enumerate(shop.data.splits["train"])
    )
    shop = replace(shop, data=replace(shop.data, splits={**shop.data.splits, "train": train}))
    made = shop.fresh()
    loss = shop.model.loss(made.build)
    for images, truths in shop.batches(made.build, 4, 1):
        assert [len(target.boxes) == 0 for target in truths][::every] == [True] * (4 // every)
        terms = loss(made.network.train()(images), truths)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        assert all(torch.isfinite(term) for term in terms.values())
    assert all(torch.isfinite(one.grad).all() for one in made.network.parameters() if one.grad is not None)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_nothing_is_blamed_for_being_found_on_a_photo_that_was_not_searched(name: str, tmp_path: Path) -> None:
    """It is one region of any class from edge to edge; its labels are left out here."""
    shop = shop_of(find(name, MODELS), tmp_path, tmp_path / "data")
    whole = [
        replace(record, truth=Truth(np.array([[0, 0, record.width, record.height]], np.float32), ANYTHING, IGNORED))
        for record in shop.data.splits["train"]
    ]
    shop = replace(shop, data=replace(shop.data, splits={**shop.data.splits, "train": tuple(whole)}))
    made = shop.fresh()
    for images, truths in shop.batches(made.build, 4, 1):
        terms = shop.model.loss(made.build)(made.network.train()(images), truths)
        assert {float(term.detach()) for term in terms.values()} == {0.0}
