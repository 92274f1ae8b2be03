"""COCO JSON: category order, crowds, masks, splits by file, broken rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfast_edge.data import coco
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
        draw.coco(tmp_path / "annotations" / f"instances_{part}.json", images, [])
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
    path = draw.coco(tmp_path / "instances_train.json", images, [thing(1)])
    dataset = read(f"coco:{path}", cache=tmp_path / "cache")
    assert len(dataset.records) == 7
    assert all(dataset.splits.values())


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"bbox": [1, 2, 3]}, "annotation 9: bbox [1, 2, 3] is not four numbers"),
        ({"bbox": None}, "annotation 9: bbox None is not four numbers"),
        ({"image_id": 55}, "annotation 9: photo 55 is not in the file"),
    ],
)
def test_a_broken_row_is_reported(row: dict[str, Any], what: str, tmp_path: Path) -> None:
    raw = coco.read(draw.coco(tmp_path / "x.json", [image(1, tmp_path)], [thing(9, **row), thing(1)]))
    assert [str(one) for one in raw.findings] == [f"x.json: {what}; box left out"]
    assert len(raw.drafts[0].things) == 1


def test_an_unknown_category_is_reported_and_left_out(tmp_path: Path) -> None:
    images = [image(number, tmp_path) for number in (1, 2, 3)]
    path = draw.coco(tmp_path / "x.json", images, [thing(1, category_id=99), thing(2)])
    dataset = read(f"coco:{path}", cache=tmp_path / "cache")
    assert [str(one) for one in dataset.report] == ["1.jpg: category 99: unknown class; box left out"]
    np.testing.assert_array_equal(np.concatenate([one.truth.classes for one in dataset.records]), [0])


@pytest.mark.parametrize(("text", "says"), [('{"images": [', "cannot be read"), ("[]", "no COCO JSON")])
def test_json_that_is_broken_or_not_coco_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=says):
        coco.read(tmp_path)
