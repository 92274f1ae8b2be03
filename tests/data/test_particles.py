"""The drawn default data keep what they promise, measured on the drawings themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as rle

from mfast_edge.data import particles
from mfast_edge.data.index import read
from mfast_edge.data.photo import load
from mfast_edge.data.sample import Dataset


@pytest.fixture(scope="module")
def scenes() -> list[particles.Scene]:
    return [particles.scene(np.random.default_rng([particles.SEED, n, 300]), 300) for n in range(60)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read("particles:24x96", cache=tmp_path_factory.mktemp("cache"))


def hidden(scene: particles.Scene) -> list[float]:
    """The share of each particle that later ones cover, counted pixel by pixel."""
    return [
        1 - (scene.owner == number).sum() / particles.area(one, scene.owner.shape)
        for number, one in enumerate(scene.particles, 1)
    ]


def test_a_third_of_the_particles_is_covered_by_a_quarter_or_more(scenes: list[particles.Scene]) -> None:
    shares = np.array([share for scene in scenes for share in hidden(scene)])
    counted = shares[shares <= 1 - particles.VISIBLE]  # those that are not ignored
    assert (shares >= 0.25).mean() >= 0.3
    assert (counted >= 0.25).mean() >= 0.27


def test_there_are_8_to_30_particles_and_their_sides_are_log_uniform(scenes: list[particles.Scene]) -> None:
    counts = [len(scene.particles) for scene in scenes]
    sides = np.array([one.side for scene in scenes for one in scene.particles])
    assert (min(counts), max(counts)) == (8, 30)
    assert sides.min() >= 10
    assert sides.max() <= 90
    shares = np.histogram(np.log(sides), np.linspace(np.log(10), np.log(90), 5))[0] / len(sides)
    np.testing.assert_allclose(shares, 0.25, atol=0.05)


def test_all_three_shapes_occur_equally(scenes: list[particles.Scene]) -> None:
    kinds = np.bincount([one.kind for scene in scenes for one in scene.particles])
    np.testing.assert_allclose(kinds / kinds.sum(), 1 / 3, atol=0.05)


def test_noise_is_a_tenth_of_the_full_range() -> None:
    grey = np.full((300, 300, 3), 0.5, np.float32)
    noisy = particles.grimed(np.random.default_rng(0), grey, 300)
    assert noisy.std() / 255 == pytest.approx(0.1, rel=0.02)


def test_the_same_number_draws_the_same_photo_and_another_another() -> None:
    first, again, other = (particles.scene(np.random.default_rng([1, n]), 96).photo for n in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_photos_masks_and_boxes_fit_each_other(small: Dataset) -> None:
    assert {part: len(rows) for part, rows in small.splits.items()} == {"train": 16, "val": 4, "test": 4}
    assert small.classes == ("disc", "block", "wedge")
    assert not len(small.report)
    for record in small.records:
        assert load(record).shape == (96, 96, 3)
        boxes = [rle.toBbox(code) for code in record.truth.masks]
        corners = [(x, y, x + width, y + height) for x, y, width, height in boxes]
        np.testing.assert_array_equal(record.truth.boxes, corners)


def test_particles_of_which_almost_nothing_shows_are_ignored(small: Dataset) -> None:
    rows = [
        row
        for path in sorted(small.root.glob("annotations/*.json"))
        for row in json.loads(path.read_text())["annotations"]
    ]
    assert sum(row["ignore"] for row in rows) == sum(one.truth.ignore.sum() for one in small.records) > 0
    assert all(row["ignore"] == (row["hidden"] > 0.8) for row in rows)


def test_an_interrupted_drawing_is_finished_and_a_finished_one_left_alone(tmp_path: Path) -> None:
    order = particles.Order(6, 48)
    root = particles.draw(order, tmp_path)
    last = root / "annotations" / "instances_train.json"
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    last.unlink()
    (root / "train" / "00000.jpg").unlink()
    assert particles.draw(order, tmp_path) == root
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    stamp = last.stat().st_mtime_ns
    particles.draw(order, tmp_path)
    assert last.stat().st_mtime_ns == stamp
