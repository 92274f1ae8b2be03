"""Several sets as one: classes by name, photos by source, splits by source, class maps, the digest."""

import json
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data.classes import parse
from mfast_edge.data.dealing import Split
from mfast_edge.data.index import again, measurable, read
from mfast_edge.data.source import joint
from mfast_edge.errors import UserError
from mfast_edge.report import described
from tests.data import draw

SPLITS = {"train": ["p0", "p1"], "val": ["p2"], "test": ["p3"]}


def pair(root: Path) -> str:
    """A VOC set of cats with splits of its own, and a YOLO set of cats and dogs without."""
    one = draw.voc(root / "one", **SPLITS)
    other = draw.yolo(root / "other", 8, "1 0.5 0.5 0.5 0.4\n")
    for number in range(8):
        draw.photo(other / "images" / f"p{number}.jpg", seed=100 + number)
    return f"voc:{one}+yolo:{other}"


def test_a_plus_joins_only_where_a_format_follows() -> None:
    assert joint("voc:/c++/a+coco:b+x+particles+particles:9") == ["voc:/c++/a", "coco:b+x", "particles", "particles:9"]


def test_joined_sets_keep_their_splits_and_their_photos_names(tmp_path: Path) -> None:
    data = read(pair(tmp_path), cache=tmp_path)
    assert data.classes == ("cat", "dog")
    names = {part: [one.name for one in found if one.name.startswith("voc/")] for part, found in data.splits.items()}
    assert names == {
        "train": ["voc/JPEGImages/p0.jpg", "voc/JPEGImages/p1.jpg"],
        "val": ["voc/JPEGImages/p2.jpg"],
        "test": ["voc/JPEGImages/p3.jpg"],
    }
    assert sum(one.name.startswith("yolo/images/p") for one in data.records) == 8
    assert all(any(one.name.startswith("yolo/") for one in found) for found in data.splits.values())
    kinds = {one.name.partition("/")[0]: one.truth.classes.tolist() for one in data.records}
    assert kinds == {"voc": [0], "yolo": [1]}
    assert "voc: dog not annotated here, but in another source" in [f"{one.path}: {one.what}" for one in data.report]


def test_two_sets_of_one_format_have_numbers(tmp_path: Path) -> None:
    one, other = draw.voc(tmp_path / "one", **SPLITS), draw.voc(tmp_path / "other", **SPLITS)
    data = read(f"voc:{one}+voc:{other}", cache=tmp_path)
    assert {name.partition("/")[0] for name in (record.name for record in data.records)} == {"voc", "voc-2"}
    assert not len(data.report)  # the same photos in the same splits


def test_the_digest_of_joined_sets_is_the_same_wherever_they_lie(tmp_path: Path) -> None:
    here, there = read(pair(tmp_path / "a"), cache=tmp_path), read(pair(tmp_path / "b" / "c"), cache=tmp_path)
    assert here.digest == there.digest


def test_a_class_map_enters_the_digest_and_is_applied_when_data_are_read_again(tmp_path: Path) -> None:
    spec = pair(tmp_path)
    plain, one = (read(spec, cache=tmp_path, classes=rule) for rule in (None, parse("animal=cat+dog")))
    assert one.classes == ("animal",)
    assert one.digest != plain.digest
    assert {int(kind) for record in one.records for kind in record.truth.classes} == {0}
    told = json.loads(json.dumps(described(one, 0)))  # what a run's page keeps
    assert again(told, cache=tmp_path).digest == one.digest
    assert again({**told, "mapping": None}, cache=tmp_path).digest == plain.digest
    assert not any("not annotated" in found.what for found in one.report)


def test_a_set_without_boxes_may_join_one_with_boxes_and_its_photos_are_ignored_from_edge_to_edge(
    tmp_path: Path,
) -> None:
    for number in range(6):
        draw.photo(tmp_path / "whole" / f"k{number % 2}" / f"{number}.jpg", seed=number + 50)
    spec = f"folders:{tmp_path / 'whole'}"
    with pytest.raises(UserError, match="photos with a class each, but not one box; a detector learns from boxes"):
        read(spec, cache=tmp_path)
    data = read(f"{pair(tmp_path)}+{spec}", cache=tmp_path)
    whole = [one.truth for one in data.records if one.name.startswith("folders/")]
    assert len(whole) == 6
    assert {truth.labels for truth in whole} == {(2,), (3,)}
    for truth in whole:
        np.testing.assert_array_equal(truth.boxes, [[0, 0, 40, 30]])
        assert truth.ignore.tolist() == [True]


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"coco:/no/such: no such folder"):
        read(f"voc:{draw.voc(tmp_path / 'd')}+coco:/no/such", cache=tmp_path)


def test_to_measure_on_any_split_is_enough(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", **{"val": ["p0", "p1"], "test": ["p2"]})
    with pytest.raises(UserError, match="no train split"):
        read(f"voc:{root}", cache=tmp_path)
    data = measurable(f"voc:{root}", cache=tmp_path)
    assert {part: len(found) for part, found in data.splits.items()} == {"train": 0, "val": 2, "test": 1}


def test_each_of_joined_sets_is_dealt_by_itself_unless_it_brings_its_splits(tmp_path: Path) -> None:
    parts = (f"voc:{draw.voc(tmp_path / 'a', 9)}", f"yolo:{draw.yolo(tmp_path / 'b', 6)}")
    brought = f"voc:{draw.voc(tmp_path / 'c', 4, **SPLITS)}"
    how = Split(by=("class",), folds=3)
    data = read("+".join((*parts, brought)), cache=tmp_path, how=how)
    assert [(deal.what, deal.photos) for deal in data.deals] == [
        ("all photos of voc by class", (3, 3, 3)),
        ("all photos of yolo by class", (2, 2, 2)),
    ]
    assert {part: len(rows) for part, rows in data.splits.items()} == {"train": 5 + 2, "val": 5 + 1, "test": 5 + 1}
    assert again(json.loads(json.dumps(described(data, 0))), cache=tmp_path).digest == data.digest
    with pytest.raises(UserError, match="6 all photos of yolo cannot fill 7 folds"):
        read("+".join(parts), cache=tmp_path, how=Split(by=("class",), folds=7))


def test_data_that_are_only_measured_on_may_be_too_few_for_the_folds_of_a_run(tmp_path: Path) -> None:
    spec, how = f"voc:{draw.voc(tmp_path / 'd', 4)}", Split(by=("class",))
    with pytest.raises(UserError, match="4 all photos cannot fill 5 folds"):
        read(spec, cache=tmp_path, how=how)
    few = measurable(spec, cache=tmp_path, how=how)
    assert (len(few.records), few.deals) == (4, ())
    draw.voc(tmp_path / "d", 5)
    assert len(measurable(spec, cache=tmp_path, how=how).deals) == 1
