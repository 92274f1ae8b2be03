"""YOLO polygons: boxes around them, masks in pixels, two spaces of class numbers."""

from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data import polygons
from mfast_edge.data.index import read
from tests.data import draw

SHAPE = "0.25 0.2 0.75 0.2 0.5 0.6"


def test_a_polygon_is_a_mask_in_pixels_and_its_box_is_what_it_fills(tmp_path: Path) -> None:
    data = read(f"polygons:{draw.yolo(tmp_path / 'd', rows=f'1 {SHAPE}')}", cache=tmp_path)
    for record in data.records:
        np.testing.assert_allclose(record.truth.boxes, [[10, 6, 30, 18]], rtol=1e-6)
        assert record.truth.classes.tolist() == [1]
        ((ring,),) = record.truth.masks
        np.testing.assert_allclose(ring, [10, 6, 30, 6, 20, 18])
    assert not len(data.report)


@pytest.mark.parametrize(
    "row", ["0 0.1 0.2 0.3 0.4 0.5", "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7", "0 0.1 a 0.3 0.4 0.5 0.6", "0 0.1"]
)
def test_a_row_that_is_no_polygon_is_reported_and_a_box_among_them_is_read(row: str, tmp_path: Path) -> None:
    raw = polygons.read(draw.yolo(tmp_path, rows=f"{row}\n0 0.5 0.5 0.5 0.4\n"))
    assert [one.what for one in raw.findings] == ["row 1 is not `class x y x y …` of three points or more"] * 4
    assert [thing.mask for draft in raw.drafts for thing in draft.things] == [None] * 4
    np.testing.assert_allclose(raw.drafts[0].things[0].box, [0.25, 0.3, 0.75, 0.7])


def coco(root: Path, *numbers: int) -> Path:
    """80 classes, boxes with their own numbers in labels/, polygons with the given ones in segments/."""
    draw.yolo(root, len(numbers), "0 0.5 0.4 0.5 0.4\n")
    (root / "data.yaml").write_text(f"names: [{', '.join(f'c{number}' for number in range(80))}]\n")
    (root / "segments").mkdir()
    for place, number in enumerate(numbers):
        (root / "segments" / f"p{place}.txt").write_text(f"{number} {SHAPE}\n")
    return root


@pytest.mark.parametrize(
    ("numbers", "classes"),
    [((1, 13, 90), (0, 11, 79)), ((1, 13, 79), (1, 13, 79)), ((1, 12, 90), (1, 12, None)), ((0, 90), (0, None))],
)
def test_numbers_beyond_80_classes_are_coco_s_ids_unless_one_of_them_cannot_be(
    numbers: tuple[int, ...], classes: tuple[int | None, ...], tmp_path: Path
) -> None:
    raw = polygons.read(coco(tmp_path, *numbers))
    kinds = [draft.things[0].kind for draft in raw.drafts]
    assert [None if kind < 0 else kind for kind in kinds] == list(classes)
    told = [one.done for one in raw.findings]
    assert told == (["read as COCO's ids, 1 to 90"] if classes == (0, 11, 79) else [])


def test_a_photo_with_boxes_and_no_polygons_is_not_taught_as_background(tmp_path: Path) -> None:
    root = coco(tmp_path, 1, 2, 3, 4)
    (root / "segments" / "p1.txt").unlink()
    (root / "segments" / "p2.txt").unlink()
    (root / "labels" / "p2.txt").write_text("")
    (root / "labels" / "p3.txt").write_text("0 0.5 0.4 0.5 0.4\n0 0.5 0.4 0.2 0.2\n")
    raw = polygons.read(root)
    assert {draft.name: len(draft.things) for draft in raw.drafts} == {
        "images/p0.jpg": 1,
        "images/p2.jpg": 0,
        "images/p3.jpg": 1,
    }
    assert [str(one) for one in raw.findings][:2] == [
        "images/p1.jpg: 1 boxes in labels and no polygons; photo left out",
        "images/p3.jpg: 1 polygons for 2 boxes in labels; only the polygons are read",
    ]


def test_polygons_of_no_photo_are_reported(tmp_path: Path) -> None:
    root = coco(tmp_path / "d", 1, 2)
    (root / "images" / "p1.jpg").unlink()
    assert [str(one) for one in polygons.read(root).findings] == [
        "segments/p1.txt: no photo for this label file; left out"
    ]
    plain = draw.yolo(tmp_path / "e", rows=f"0 {SHAPE}\n")
    (plain / "images" / "p1.jpg").unlink()
    assert [one.path for one in polygons.read(plain).findings] == ["labels/p1.txt"]
