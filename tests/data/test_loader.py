"""Batches: each record once, repeatable by epoch, exact in plain mode."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mfast_edge.data.index import read
from mfast_edge.data.loader import Batch, Loader, chunks
from mfast_edge.data.photo import load
from mfast_edge.data.sample import Record, Truth
from mfast_edge.models.resize import blob
from mfast_edge.recipe import Policy
from tests.data import draw


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, ...]:
    folder = tmp_path_factory.mktemp("d")
    return read(f"voc:{draw.voc(folder / 'd', 7)}", cache=folder).records


def same(one: list[Batch], other: list[Batch]) -> bool:
    return all(
        torch.equal(left.images, right.images)
        and left.rows == right.rows
        and all(
            torch.equal(a, b) for x, y in zip(left.truths, right.truths, strict=True) for a, b in zip(x, y, strict=True)
        )
        for left, right in zip(one, other, strict=True)
    )


def test_a_region_of_any_class_reaches_training_as_ignored_and_with_a_class_that_exists(tmp_path: Path) -> None:
    """A loss may count classes (one-hot), and -1 is none."""
    for number in range(4):
        draw.photo(tmp_path / "k" / "image_2" / f"{number}.png", seed=number)
        (tmp_path / "k" / "label_2").mkdir(exist_ok=True)
        rows = [f"{name} 0 0 0 4 4 20 20 {'0 ' * 7}" for name in ("Van", "DontCare")]
        (tmp_path / "k" / "label_2" / f"{number}.txt").write_text("\n".join(rows))
    data = read(f"kitti:{tmp_path / 'k'}", cache=tmp_path)
    for batch in Loader(data.records, 32, 2).batches(0):
        for truth in batch.truths:
            assert truth.ignore.tolist() == [False, True]
            assert truth.classes.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("rows", "batch", "sizes"),
    [(7, 3, [3, 4]), (8, 3, [3, 3, 2]), (6, 3, [3, 3]), (1, 3, [1]), (3, 1, [1, 1, 1])],
)
def test_a_lone_last_photo_joins_the_batch_before_it(rows: int, batch: int, sizes: list[int]) -> None:
    parts = chunks(list(range(rows)), batch)
    assert [len(part) for part in parts] == sizes
    assert [row for part in parts for row in part] == list(range(rows))


def test_an_epoch_brings_every_record_once_in_an_order_of_its_own(records: tuple[Record, ...]) -> None:
    loader = Loader(records, 32, 3)
    orders = [[row for batch in loader.batches(epoch) for row in batch.rows] for epoch in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(7))
    assert orders[0] != orders[1]
    assert len(loader) == len(list(loader.batches(0))) == 2


def test_a_large_set_is_learnt_from_in_several_epochs(
    records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfast_edge.data.loader.EPOCH", 3)  # 7 records: 3 epochs of 2, one record waits
    loader = Loader(records, 32, 2)
    orders = [[row for batch in loader.batches(epoch) for row in batch.rows] for epoch in range(6)]
    assert [len(rows) for rows in orders] == [2] * 6
    for turn in (orders[:3], orders[3:]):
        assert len({row for rows in turn for row in rows}) == 6
    assert orders[:3] != orders[3:]
    assert len(loader) == len(list(loader.batches(0))) == 1


def test_a_repeated_epoch_is_the_same_and_another_seed_or_epoch_is_not(records: tuple[Record, ...]) -> None:
    third = list(Loader(records, 32, 3, seed=4).batches(3))
    loader = Loader(records, 32, 3, seed=4)
    list(loader.batches(0))
    assert same(third, list(loader.batches(3)))
    assert not same(third, list(loader.batches(2)))
    assert not same(third, list(Loader(records, 32, 3, seed=5).batches(3)))


def test_loading_leaves_the_global_random_state_alone(records: tuple[Record, ...]) -> None:
    state = torch.get_rng_state()
    list(Loader(records, 32, 3).batches(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_plain_batches_are_exactly_the_graphs_input(records: tuple[Record, ...]) -> None:
    (batch,) = Loader(records, 32, 10, augment=False).batches(0)
    assert batch.rows == tuple(range(7))
    assert batch.images.dtype == torch.float32
    np.testing.assert_array_equal(batch.images, np.concatenate([blob(load(one), (32, 32)) for one in records]))
    scale = np.array([32 / 40, 32 / 30] * 2, np.float32)
    np.testing.assert_allclose(batch.truths[0].boxes, records[0].truth.boxes * scale, rtol=1e-6)


def test_photos_that_find_no_room_in_memory_are_decoded_again(records: tuple[Record, ...]) -> None:
    roomy, tight = Loader(records, 32, 3), Loader(records, 32, 3, cache_mb=0.008)
    assert same(list(roomy.batches(1)), list(tight.batches(1)))
    assert len(roomy.shelf.kept) == 7
    assert len(tight.shelf.kept) == 2  # 3600 bytes each


def test_kept_photos_are_shrunk_to_twice_the_input_size(records: tuple[Record, ...]) -> None:
    loader = Loader(records, 10, 3)
    photo, truth = loader.shelf.take(0)
    assert photo.shape == (15, 20, 3)
    np.testing.assert_allclose(truth.boxes, records[0].truth.boxes / 2)


def test_the_time_that_training_waits_is_counted(records: tuple[Record, ...]) -> None:
    loader = Loader(records, 32, 3)
    assert loader.waited == 0
    list(loader.batches(0))
    assert loader.waited > 0


def test_torchs_threads_are_given_back_to_training(records: tuple[Record, ...]) -> None:
    threads = torch.get_num_threads()
    for _ in Loader(records, 32, 3).batches(0):
        assert torch.get_num_threads() == threads


def test_only_a_loader_that_flips_both_ways_turns_photos_upside_down(records: tuple[Record, ...]) -> None:
    (plain,), (turned,) = (
        list(Loader(records, 32, 10, seed=4, policy=Policy(flips=flips)).batches(0)) for flips in ("horizontal", "both")
    )
    assert plain.rows == turned.rows
    assert 0 < sum(not torch.equal(one, two) for one, two in zip(plain.images, turned.images, strict=True)) < 7


def test_sizes_change_every_ten_batches_and_a_repeated_epoch_repeats_them(records: tuple[Record, ...]) -> None:
    sides = (32, 64, 96)
    loader = Loader(records, 64, 1, sides=sides)
    found = [[batch.images.shape[2] for batch in loader.batches(epoch)] for epoch in range(10)]  # 7 batches each
    every = [side for epoch in found for side in epoch]
    turns = [every[first : first + 10] for first in range(0, 70, 10)]
    assert all(len(set(turn)) == 1 for turn in turns)
    assert {turn[0] for turn in turns} == set(sides)
    again = Loader(records, 64, 1, sides=sides)
    assert same(list(again.batches(4)), list(loader.batches(4)))  # as a training that goes on from its checkpoint
    for batch in again.batches(4):
        edges = [float(target.boxes.max()) for target in batch.truths if len(target.boxes)]
        assert max(edges, default=0) <= batch.images.shape[2]


def test_without_augmentation_every_size_is_the_model_s(records: tuple[Record, ...]) -> None:
    loader = Loader(records, 64, 3, augment=False, sides=(32, 96))
    assert {batch.images.shape[2] for batch in loader.batches(0)} == {64}


def test_the_classes_of_a_photo_as_a_whole_reach_the_training(records: tuple[Record, ...]) -> None:
    bare = Truth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool), labels=(1, 0))
    told = [replace(record, truth=bare) for record in records]
    for augment in (True, False):
        for batch in Loader(told, 32, 3, augment=augment).batches(0):
            assert [target.labels.tolist() for target in batch.truths] == [[1, 0]] * len(batch.truths)
            assert all(len(target.boxes) == 0 for target in batch.truths)


def test_the_shares_of_several_processes_are_the_batch_in_its_order(records: tuple[Record, ...]) -> None:
    whole = list(Loader(records, 32, 3, seed=4).batches(1))
    shares = [list(Loader(records, 32, 3, seed=4, share=(rank, 4)).batches(1)) for rank in range(4)]
    for number, batch in enumerate(whole):
        parts = [share[number] for share in shares]
        taken = [part for part in parts if part.rows]
        assert tuple(row for part in taken for row in part.rows) == batch.rows
        assert torch.equal(torch.cat([part.images for part in taken]), batch.images)
        assert sum(len(part.truths) for part in parts) == len(batch.truths)
        assert all(len(part.images) == max(1, len(part.rows)) for part in parts)
    assert any(not share[0].rows for share in shares)  # 3 photos, 4 processes: one has none, but an image
