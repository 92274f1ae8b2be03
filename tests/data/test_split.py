"""Splits made here: shares, stability, and what is taken from where."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data import split
from mfast_edge.data.report import Report
from mfast_edge.data.sample import ANY, Dataset, Record, Truth
from mfast_edge.errors import UserError

NOTHING = Truth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))


def records(*numbers: int) -> list[Record]:
    return [Record(f"{n:04d}.jpg", Path(f"{n}.jpg"), f"hash{n}", 4, 3, 1, NOTHING) for n in numbers]


def names(part: tuple[Record, ...]) -> set[str]:
    return {record.name for record in part}


def test_one_pool_is_split_seventy_fifteen_fifteen() -> None:
    parts = split.assign({"all": records(*range(2000))}, seed=3)
    shares = [len(parts[part]) / 2000 for part in ("train", "val", "test")]
    np.testing.assert_allclose(shares, [0.70, 0.15, 0.15], atol=0.02)
    assert not names(parts["train"]) & names(parts["val"])
    assert not (names(parts["train"]) | names(parts["val"])) & names(parts["test"])


def test_added_photos_move_no_photo_to_another_split() -> None:
    before = split.assign({"all": records(*range(200))}, seed=0)
    after = split.assign({"all": records(*range(260))}, seed=0)
    assert all(names(before[part]) <= names(after[part]) for part in before)


def test_three_photos_still_make_three_splits() -> None:
    for seed in range(20):
        parts = split.assign({"all": records(1, 2, 3)}, seed)
        assert [len(part) for part in parts.values()] == [1, 1, 1]


def test_given_splits_stay_as_they_are() -> None:
    given = {"train": records(1, 2), "val": records(3), "test": records(4)}
    assert split.assign(given, 0) == {part: tuple(rows) for part, rows in given.items()}


def test_a_missing_val_comes_from_train_and_leaves_test_alone() -> None:
    parts = split.assign({"train": records(*range(400)), "test": records(900)}, 0)
    assert names(parts["test"]) == {"0900.jpg"}
    assert len(parts["train"]) + len(parts["val"]) == 400
    assert 40 <= len(parts["val"]) <= 80


def test_a_missing_test_is_half_of_val_and_leaves_train_alone() -> None:
    parts = split.assign({"train": records(1, 2), "val": records(*range(100, 300))}, 0)
    assert names(parts["train"]) == {"0001.jpg", "0002.jpg"}
    assert 80 <= len(parts["test"]) <= 120


def test_trainval_is_split_ninety_ten_or_by_the_given_val() -> None:
    parts = split.assign({"trainval": records(*range(500)), "test": records(900)}, 0)
    assert 30 <= len(parts["val"]) <= 70
    given = {"trainval": records(1, 2, 3), "val": records(2), "test": records(4)}
    assert names(split.assign(given, 0)["train"]) == {"0001.jpg", "0003.jpg"}


def test_val_and_test_without_train_are_refused() -> None:
    with pytest.raises(UserError, match="no train split"):
        split.assign({"val": records(1), "test": records(2)}, 0)


def test_calibration_photos_come_from_train_the_same_for_the_same_seed() -> None:
    parts = split.assign({"all": records(*range(100))}, 0)
    dataset = Dataset("d", "voc:d", "voc", Path(), ("cat",), parts, Report(), "")
    chosen = split.calibration(dataset, 16, seed=5)
    assert len(chosen) == 16
    assert names(chosen) <= names(parts["train"])
    assert chosen == split.calibration(dataset, 16, seed=5) != split.calibration(dataset, 16, seed=6)
    assert len(split.calibration(dataset, 1000, seed=5)) == len(parts["train"])


def labelled(name: str, sha: str, *labels: int) -> Record:
    return Record(name, Path(name), sha, 4, 3, 1, replace(NOTHING, labels=labels))


def test_one_content_with_two_classes_is_reported_whatever_the_split() -> None:
    same = [labelled("b/2.jpg", "x", 1), labelled("a/1.jpg", "x", 0), labelled("a/3.jpg", "x", 0)]
    (finding,) = split.twins([*same, labelled("b/4.jpg", "y", 1), same[0]], ("ash", "birch"))
    assert finding.path == "b/2.jpg"
    assert finding.what == "shows birch, the same photo as a/1.jpg, which shows ash"


def test_classes_of_boxes_count_as_those_of_photos_do() -> None:
    box = Truth(np.ones((1, 4), np.float32), np.array([1]), np.zeros(1, bool))
    rows = [labelled("1.jpg", "x", 1), replace(labelled("2.jpg", "x"), truth=box), labelled("3.jpg", "x")]
    (finding,) = split.twins(rows, ("ash", "birch"))
    assert finding.what == "shows nothing, the same photo as 1.jpg, which shows birch"


def test_a_photo_labelled_as_a_whole_contradicts_objects_only_where_its_class_is_not_among_them() -> None:
    whole = Truth(np.array([[0, 0, 4, 3]], np.float32), np.array([ANY]), np.array([True]), labels=(1,))
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3]], np.float32)
    seen = Truth(boxes, np.array([0, 1]), np.zeros(2, bool))
    one, two, three = (replace(record, sha256="same") for record in records(1, 2, 3))
    pair = [replace(one, truth=whole), replace(two, truth=seen)]
    assert split.twins(pair, ("cat", "dog")) == split.twins(pair[::-1], ("cat", "dog")) == []
    other = replace(three, truth=replace(whole, labels=(0,)))
    (found,) = split.twins([pair[0], other], ("cat", "dog"))
    assert found.what == "shows cat, the same photo as 0001.jpg, which shows dog"


def test_a_region_of_any_class_is_no_class_that_a_photo_shows() -> None:
    region = Truth(np.array([[0, 0, 4, 3]], np.float32), np.array([ANY]), np.array([True]))
    one, two = (replace(record, sha256="same") for record in records(1, 2))
    assert split.twins([one, replace(two, truth=region)], ("cat", "dog")) == []
