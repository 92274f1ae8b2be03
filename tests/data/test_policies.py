"""Photos that are classified as a whole: what a policy may do to them, repeatably."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from mfast_edge.data.index import read
from mfast_edge.data.loader import Loader
from mfast_edge.data.policies import cropped, painted, varied
from mfast_edge.data.sample import Truth
from mfast_edge.errors import UserError
from mfast_edge.recipe import USED, Named, Policy, Recipe
from tests.data import draw

SEEDS = range(60)
WHOLE = [name for name in get_args(Named) if name != "ssd"]


def ramp(height: int = 60, width: int = 120) -> np.ndarray:
    """Red grows from left to right by one part in 240, green from top to bottom; blue is 50."""
    across, down = np.linspace(0, 240, width), np.linspace(0, 240, height)
    parts = (np.tile(across, (height, 1)), np.tile(down[:, None], (1, width)), np.full((height, width), 50))
    return np.stack(parts, 2).round().astype(np.uint8)


def truth() -> Truth:
    """A photo of class 3 that nobody searched for objects."""
    everything = np.array([[0, 0, 120, 60]], np.float32)
    return Truth(everything, np.array([-1]), np.array([True]), (), (3,))


@pytest.mark.parametrize("name", WHOLE)
def test_a_variant_has_the_input_size_its_label_and_no_objects_and_follows_from_its_seed(name: Named) -> None:
    how, state = Policy(name, erase=0.5), torch.get_rng_state()
    samples = [varied(ramp(), truth(), 32, seed=seed, policy=how) for seed in SEEDS]
    for seed, sample in zip(SEEDS, samples, strict=True):
        assert (sample.image.shape, sample.image.dtype) == ((32, 32, 3), np.uint8)
        assert sample.image.flags.c_contiguous
        assert (sample.labels.tolist(), len(sample.boxes), len(sample.classes), len(sample.ignore)) == ([3], 0, 0, 0)
        np.testing.assert_array_equal(sample.image, varied(ramp(), truth(), 32, seed=seed, policy=how).image)
    assert len({sample.image.tobytes() for sample in samples}) > len(SEEDS) - 4  # two may be solarised to nothing
    assert torch.equal(torch.get_rng_state(), state)


def test_a_crop_keeps_its_share_and_looks_as_stretched_as_the_whole_photo() -> None:
    """A photo twice as wide as high: crops between 3:4 and 4:3 of its sides, not of its pixels."""
    torch.manual_seed(0)
    areas, aspects = list[float](), list[float]()
    for _ in SEEDS:
        cut = cropped(ramp(), 0.4)
        areas.append(cut.shape[0] * cut.shape[1] / (60 * 120))
        aspects.append((cut.shape[1] / 120) / (cut.shape[0] / 60))
    assert 0.37 < min(areas) < 0.55
    assert 0.85 < max(areas) <= 1
    assert 0.7 < min(aspects) < 0.95
    assert 1.05 < max(aspects) < 1.4


def test_a_crop_of_the_whole_is_what_a_board_sees_but_for_the_flip() -> None:
    from mfast_edge.models.resize import resize

    seen = resize(ramp(), (32, 32))
    whole = [varied(ramp(), truth(), 32, seed=seed, policy=Policy("simple", crop=1.0)).image for seed in SEEDS]
    same = [np.array_equal(image, seen) for image in whole]
    mirrored = [np.array_equal(image[:, ::-1], seen) for image in whole]
    assert any(same)
    assert any(mirrored)
    assert sum(same) + sum(mirrored) >= 20  # torch draws a crop of less where 3:4 was drawn for the whole


def test_photos_are_turned_upside_down_only_with_flips_both() -> None:
    def turned(policy: Policy) -> int:
        images = (varied(ramp(), truth(), 32, seed=seed, policy=policy).image for seed in SEEDS)
        return sum(int(image[0, :, 1].mean()) > int(image[-1, :, 1].mean()) for image in images)

    assert turned(Policy("simple")) == 0
    assert 15 < turned(Policy("simple", flips="both")) < 45


def test_a_policy_is_torchvisions_transform_of_the_name() -> None:
    torch.manual_seed(5)
    mine = painted(ramp(), Policy("randaugment", operations=3, level=20))
    from PIL import Image

    torch.manual_seed(5)
    wanted = v2.RandAugment(3, 20, fill=[124, 116, 104])(Image.fromarray(ramp()))
    np.testing.assert_array_equal(mine, np.asarray(wanted))
    assert not np.array_equal(mine, ramp())


def test_a_rectangle_is_erased_as_often_as_asked() -> None:
    torch.manual_seed(0)
    erased = [(painted(ramp(), Policy("simple", erase=0.5)) == 124).all(2).any() for _ in range(100)]
    assert 35 < sum(erased) < 65
    assert (painted(ramp(), Policy("simple")) == ramp()).all()


def test_a_loader_varies_by_its_policy_and_repeats_an_epoch(tmp_path: Path) -> None:
    found = read(f"voc:{draw.voc(tmp_path / 'd', 6)}", cache=tmp_path).records
    records = [replace(one, truth=replace(truth(), labels=(number % 2,))) for number, one in enumerate(found)]
    loader = Loader(records, 32, 6, seed=4, policy=Policy("trivialaugment"))
    (one,), (again,), (other,) = (list(loader.batches(epoch)) for epoch in (1, 1, 2))
    assert torch.equal(one.images, again.images)
    assert one.images.shape == (6, 3, 32, 32)
    for batch in (one, other):
        assert [target.labels.tolist() for target in batch.truths] == [
            list(records[row].truth.labels) for row in batch.rows
        ]


def test_a_task_has_its_own_policy_and_refuses_those_that_are_not_for_it() -> None:
    assert Recipe().varied("detect") == Policy()
    assert Recipe(flips="both", policy="ssd").varied("detect") == Policy(flips="both")
    assert Recipe().varied("classify").name in WHOLE
    known = Recipe(policy="randaugment", operations=3, level=14, crop=0.5, erase=0.1).varied("classify")
    assert known == replace(Policy("randaugment"), operations=3, level=14, crop=0.5, erase=0.1)
    with pytest.raises(UserError, match="policy: augmix given, which is not for models that detect; ssd"):
        Recipe(policy="augmix").varied("detect")
    with pytest.raises(UserError, match="ssd given, which is not for models that classify; simple, "):
        Recipe(policy="ssd").varied("classify")


@pytest.mark.parametrize(
    ("given", "task", "told"),
    [
        ({"crop": 0.5}, "detect", "recipe.crop: given, and policy ssd has none; policy simple, "),
        ({"policy": "simple", "level": 3}, "classify", "recipe.level: .* policy randaugment would be right"),
    ],
)
def test_a_setting_that_the_policy_does_not_know_is_refused(given: dict[str, object], task: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Recipe.model_validate(given).varied(task)


def test_every_policy_says_what_it_uses() -> None:
    assert set(USED) == set(get_args(Named))
