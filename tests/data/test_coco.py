"""COCO JSON: category order, crowds, masks, splits by file, broken rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfast_edge.data import coco
from mfast_edge.data.facts import look
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from tests.data import draw

RING = [1.0, 1.0, 9.0, 1.0, 9.0, 9.0]
RLE = {"size": [30, 40], "counts": [0, 1200]}


def image(number: int, folder: Path) -> dict[str, Any]:
    draw.photo(folder / f"{number}.jpg", seed=number)
    return {"id": number, "file_name": f"{number}.jpg", "width": 40, "height": 30}


def thing(number: int, **other: Any) -> dict[str, Any]:
    row = {"id": number, "image_id": 1, "category_id": 3, "bbox": [1, 2, 10, 20], "iscrowd": 0}
    return {**row, "segmentation": [RING], **other}


def test_category_ids_become_classes_in_their_order(tmp_path: Path) -> None:
    path = draw.coco(tmp_path / "x.json", [image(1, tmp_path)], [thing(1), thing(2, category_id=7)])
    raw = coco.read(path)
    assert raw.classes == ("cat", "dog")
    assert [one.kind for one in raw.drafts[0].things] == [0, 1]
    assert raw.drafts[0].things[0].box == (1, 2, 11, 22)


def test_a_crowd_is_ignored_and_masks_are_kept_as_they_are(tmp_path: Path) -> None:
    rows = [thing(1), thing(2, iscrowd=1, segmentation=RLE), thing(3, segmentation=[])]
    (draft,) = coco.read(draw.coco(tmp_path / "x.json", [image(1, tmp_path)], rows)).drafts
    assert [one.ignore for one in draft.things] == [False, True, False]
    assert [one.mask for one in draft.things] == [(tuple(RING),), RLE, None]


def test_one_file_per_split_becomes_the_splits(tmp_path: Path) -> None:
    for number, part in enumerate(("train2017", "val2017", "test-dev"), 1):
        images = [image(number, tmp_path / "images" / part)]
        draw.coco(tmp_path / "annotations" / f"instances_{part}.json", images, [thing(1, image_id=number)])
    draw.coco(tmp_path / "annotations" / "captions_train2017.json", [], [])
    dataset = read(f"coco:{tmp_path}", cache=tmp_path / "cache")
    names = {part: [one.name for one in records] for part, records in dataset.splits.items()}
    assert names == {
        "train": ["images/train2017/1.jpg"],
        "val": ["images/val2017/2.jpg"],
        "test": ["images/test-dev/3.jpg"],
    }


def test_a_folder_per_split_becomes_the_splits(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "valid", "test"), 1):
        draw.coco(tmp_path / part / "_annotations.coco.json", [image(number, tmp_path / part)], [])
    raw = coco.read(tmp_path)
    assert raw.splits == {"train": ("train/1.jpg",), "val": ("valid/2.jpg",), "test": ("test/3.jpg",)}


def test_a_single_file_is_split_afresh(tmp_path: Path) -> None:
    images = [image(number, tmp_path) for number in range(1, 8)]
    path = draw.coco(tmp_path / "instances_train.json", images, [thing(n, image_id=n) for n in range(1, 8)])
    dataset = read(f"coco:{path}", cache=tmp_path / "cache")
    assert len(dataset.records) == 7
    assert all(dataset.splits.values())


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"bbox": [1, 2, 3]}, "annotation 9: bbox [1, 2, 3] is not four numbers"),
        ({"bbox": None}, "annotation 9: bbox None is not four numbers"),
        ({"bbox": [1, 2, 3, 10**400]}, "is not four numbers"),
        ({"image_id": 55}, "annotation 9: photo 55 is not in the file"),
        ({"image_id": [1]}, "annotation 9: photo [1] is not in the file"),
    ],
)
def test_a_broken_row_is_reported(row: dict[str, Any], what: str, tmp_path: Path) -> None:
    raw = coco.read(draw.coco(tmp_path / "x.json", [image(1, tmp_path)], [thing(9, **row), thing(1)]))
    (finding,) = raw.findings
    assert what in finding.what
    assert (finding.path, finding.done) == ("x.json", "box left out")
    assert len(raw.drafts[0].things) == 1


@pytest.mark.parametrize("row", [None, 5, {}, {"id": 4}, {"file_name": "4.jpg"}, {"id": [4], "file_name": "4.jpg"}])
def test_a_photo_without_id_or_file_name_is_reported_and_left_out(row: Any, tmp_path: Path) -> None:
    raw = coco.read(draw.coco(tmp_path / "x.json", [row, image(1, tmp_path)], [thing(1)]))
    expected = "x.json: images[0] lacks a `file_name` or an `id` of its own; photo left out"
    assert [str(one) for one in raw.findings] == [expected]
    assert [draft.name for draft in raw.drafts] == ["1.jpg"]


def test_a_second_photo_with_the_same_id_is_reported_and_left_out(tmp_path: Path) -> None:
    images = [image(1, tmp_path), {**image(2, tmp_path), "id": 1}]
    raw = coco.read(draw.coco(tmp_path / "x.json", images, [thing(1)]))
    assert [draft.name for draft in raw.drafts] == ["1.jpg"]
    assert "images[1]" in raw.findings[0].what


def test_annotations_that_are_no_objects_or_lack_a_box_are_reported(tmp_path: Path) -> None:
    bare = {"id": 9, "image_id": 1}
    raw = coco.read(draw.coco(tmp_path / "x.json", [image(1, tmp_path)], [None, bare, thing(1)]))  # type: ignore[list-item]
    assert [one.what for one in raw.findings] == [
        "annotations[0] is not an object",
        "annotation 9: bbox None is not four numbers",
    ]
    assert len(raw.drafts[0].things) == 1


@pytest.mark.parametrize("written", [[[1, 2, 3, None, 5, 6]], [["a"] * 6], [[float("nan")] * 6], "x", {"size": [1, 1]}])
def test_a_mask_that_is_none_is_reported_and_its_box_kept(written: Any, tmp_path: Path) -> None:
    raw = coco.read(draw.coco(tmp_path / "x.json", [image(1, tmp_path)], [thing(9, segmentation=written)]))
    expected = "x.json: annotation 9: segmentation is neither polygons nor an RLE; mask left out"
    assert [str(one) for one in raw.findings] == [expected]
    assert raw.drafts[0].things[0].mask is None


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"id": 1}], r"categories\[0\] lacks"),
        ([{"name": "cat"}], r"categories\[0\] lacks"),
        ([{"id": 1, "name": "cat"}, "dog"], r"categories\[1\] lacks"),
        ([{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}], "category 1 is 'cat' and 'dog'"),
    ],
)
def test_categories_that_do_not_hold_are_refused(rows: list[Any], says: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"images": [], "annotations": [], "categories": rows}))
    with pytest.raises(UserError, match=says):
        coco.read(tmp_path)


def test_a_stated_size_that_is_text_and_a_name_that_is_too_long_do_no_harm(tmp_path: Path) -> None:
    images = [{**image(1, tmp_path), "width": "wide"}, {"id": 2, "file_name": "a" * 300}]
    things = [thing(number, image_id=number) for number in (1, 2)]
    raw = coco.read(draw.coco(tmp_path / "x.json", images, things))
    assert [draft.size for draft in raw.drafts] == [None, None]
    assert look([draft.path for draft in raw.drafts], tmp_path / "cache").keys() == {tmp_path / "1.jpg"}


def test_an_unknown_category_is_reported_and_left_out(tmp_path: Path) -> None:
    images = [image(number, tmp_path) for number in (1, 2, 3)]
    things = [thing(9, category_id=99), *(thing(number, image_id=number) for number in (1, 2, 3))]
    path = draw.coco(tmp_path / "x.json", images, things)
    dataset = read(f"coco:{path}", cache=tmp_path / "cache")
    assert [str(one) for one in dataset.report] == ["1.jpg: category 99: unknown class; box left out"]
    np.testing.assert_array_equal(np.concatenate([one.truth.classes for one in dataset.records]), [0, 0, 0])


@pytest.mark.parametrize(
    ("text", "says"),
    [('{"images": [', "cannot be read"), ("[" * 100_000, "cannot be read"), ("[]", "no COCO JSON")],
    ids=["truncated", "too deep", "a list"],
)
def test_json_that_is_broken_or_not_coco_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=says):
        coco.read(tmp_path)


def test_ids_are_read_with_annotations_or_without(tmp_path: Path) -> None:
    rows = {"images": [{"id": 9, "file_name": "d/a.jpg"}], "categories": [{"id": 3, "name": "cat"}]}
    path = tmp_path / "x.json"
    for document in (rows, {**rows, "annotations": []}):
        path.write_text(json.dumps(document))
        assert coco.numbers(path) == ({"d/a.jpg": 9}, {3: "cat"})
    path.write_text("[]")
    with pytest.raises(UserError, match=r"x\.json: not COCO; a JSON with the lists images and categories"):
        coco.numbers(path)
