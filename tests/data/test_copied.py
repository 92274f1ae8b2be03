"""From one format into another and back: the same boxes, flags, classes and splits, or a finding."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from mfast_edge import convert
from mfast_edge.data.classes import parse
from mfast_edge.data.copied import Terms, copied
from mfast_edge.data.index import measurable, read
from mfast_edge.data.sample import Dataset
from mfast_edge.data.writers import WRITERS
from mfast_edge.errors import UserError
from tests.data import draw

SPLITS = {"train": ["p0", "p1"], "val": ["p2"], "test": ["p3"]}
FRACTION = (1.125, 2.3, 20.0625, 25.7)


def source(root: Path, hard: int = 0) -> str:
    """Four photos with splits; p0 has two objects in fractions of a pixel, `hard` of them difficult."""
    draw.voc(root, **SPLITS)
    draw.xml(root / "Annotations" / "p0.xml", (40, 30), [("dog", FRACTION, hard), ("cat", (0, 0, 40, 30), 0)])
    return f"voc:{root}"


def told(dataset: Dataset) -> dict[str, list[tuple[str, str, bool, list[float]]]]:
    """Split → (photo, class, ignored, box), sorted."""
    names = [*dataset.classes, "anything"]
    return {
        part: sorted(
            (record.path.stem, names[kind], bool(ignore), box.tolist())
            for record in records
            for kind, ignore, box in zip(record.truth.classes, record.truth.ignore, record.truth.boxes, strict=True)
        )
        for part, records in dataset.splits.items()
    }


def converted(spec: str, form: str, root: Path, **given: str) -> Dataset:
    convert.convert(spec, f"{form}:{root}", classes=given.get("classes"), link=False, out=root.parent / "runs")
    return measurable(f"{form}:{root}", cache=root.parent / "runs" / "data")


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("back", WRITERS)
def test_there_and_back_no_box_is_another(form: str, back: str, tmp_path: Path) -> None:
    spec = source(tmp_path / "d")
    before = read(spec, cache=tmp_path)
    there = converted(spec, form, tmp_path / "there")
    again = converted(f"{form}:{tmp_path / 'there'}", back, tmp_path / "back")
    for one in (there, again):
        one_told, other = told(one), told(before)
        for part, rows in other.items():
            assert [row[:3] for row in one_told[part]] == [row[:3] for row in rows]
            np.testing.assert_allclose([row[3] for row in one_told[part]], [row[3] for row in rows], rtol=0, atol=1e-5)
        assert set(one.classes) == {"cat", "dog"}
        assert not len(one.report)


@pytest.mark.parametrize(
    ("form", "ignored", "finding"),
    [
        ("voc", [("cat", False), ("dog", True)], None),
        ("coco", [("cat", False), ("dog", True)], None),
        ("yolo", [("cat", False), ("dog", False)], "written as ordinary ones"),
        ("kitti", [("anything", True), ("cat", False)], "written as regions to be ignored whatever is in them"),
    ],
)
def test_a_difficult_object_stays_one_or_it_is_told_what_it_became(
    form: str, ignored: list[tuple[str, bool]], finding: str | None, tmp_path: Path
) -> None:
    found = told(converted(source(tmp_path / "d", hard=1), form, tmp_path / "there"))
    assert [row[1:3] for row in found["train"] if row[0] == "p0"] == ignored
    report = json.loads((tmp_path / "there" / "report.json").read_text())
    assert [row["done"] for row in report] == ([finding] if finding else [])


@pytest.mark.parametrize(("form", "count"), [("kitti", 1), ("voc", 8), ("coco", 8), ("yolo", 0)])
def test_a_region_of_any_class_is_one_of_each_where_there_is_no_such_thing(
    form: str, count: int, tmp_path: Path
) -> None:
    for number in range(3):
        draw.photo(tmp_path / "k" / "image_2" / f"{number}.png", seed=number)
        (tmp_path / "k" / "label_2").mkdir(exist_ok=True)
        rows = [f"{name} 0 0 0 4 4 20 20 {'0 ' * 7}" for name in ("Van", "DontCare")]
        (tmp_path / "k" / "label_2" / f"{number}.txt").write_text("\n".join(rows))
    data = converted(f"kitti:{tmp_path / 'k'}", form, tmp_path / "there")
    assert [int(record.truth.ignore.sum()) for record in data.records] == [count] * 3
    assert [int((~record.truth.ignore).sum()) for record in data.records] == [1] * 3


def test_dirt_is_neither_mended_nor_hidden(tmp_path: Path) -> None:
    """A box without area and one that sticks out are found again in the copy."""
    spec = source(tmp_path / "d")
    rows = [("cat", (5, 5, 5, 20), 0), ("cat", (30, 5, 90, 20), 0), ("cat", ("nan", 5, 9, 20), 0)]
    draw.xml(tmp_path / "d" / "Annotations" / "p1.xml", (40, 30), rows)
    draw.truncated(tmp_path / "d" / "JPEGImages" / "p2.jpg")
    data = converted(spec, "coco", tmp_path / "there")
    assert [one.what for one in data.report] == [
        "cat: zero-area or inside-out box 5, 5, 5, 20",
        "cat: box 30, 5, 90, 20 sticks out of 40x30",
    ]
    report = json.loads((tmp_path / "there" / "report.json").read_text())
    assert [(row["path"], row["done"]) for row in report] == [
        ("JPEGImages/p1.jpg", "box left out"),
        ("JPEGImages/p2.jpg", "photo left out"),
    ]


def test_a_turn_that_the_format_cannot_speak_of_is_left_out_and_one_that_it_means_is_kept(tmp_path: Path) -> None:
    spec = source(tmp_path / "d")
    for number, stated in ((0, (40, 30)), (1, (30, 40))):
        draw.turned(tmp_path / "d" / "JPEGImages" / f"p{number}.jpg", 6)
        draw.xml(tmp_path / "d" / "Annotations" / f"p{number}.xml", stated, [("cat", (1, 2, 20, 25), 0)])
    as_coco = converted(spec, "coco", tmp_path / "coco")
    assert {record.path.stem: record.rotate for record in as_coco.records} == {"p0": 1, "p1": 6, "p2": 1, "p3": 1}
    as_yolo = converted(spec, "yolo", tmp_path / "yolo")
    assert {record.path.stem: record.rotate for record in as_yolo.records} == {"p1": 6, "p2": 1, "p3": 1}
    (row,) = json.loads((tmp_path / "yolo" / "report.json").read_text())
    assert row["what"] == "EXIF orientation 6, and yolo cannot say whether it counts"


def test_photos_of_one_name_get_names_of_their_own_and_classes_are_mapped(tmp_path: Path) -> None:
    spec = f"{source(tmp_path / 'one')}+{source(tmp_path / 'other')}"
    data = converted(spec, "voc", tmp_path / "there", classes="animal=cat+dog")
    assert data.classes == ("animal",)
    assert {part: len(records) for part, records in data.splits.items()} == {"train": 4, "val": 2, "test": 2}
    assert sorted(record.path.stem for record in data.records)[:2] == [
        "voc-2_JPEGImages_p0_jpg",
        "voc-2_JPEGImages_p1_jpg",
    ]


def test_masks_go_into_coco(tmp_path: Path) -> None:
    draw.yolo(tmp_path / "d", rows="1 0.25 0.2 0.75 0.2 0.5 0.6")
    data = converted(f"polygons:{tmp_path / 'd'}", "coco", tmp_path / "there")
    for record in data.records:
        ((ring,),) = record.truth.masks
        np.testing.assert_allclose(ring, [10, 6, 30, 6, 20, 18])


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("voc", "with a folder"),
        ("tfrecord:x", "one of voc, coco, yolo, kitti"),
        ("voc:{}", "there is something already"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(to: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=says):
        convert.place(to.format(tmp_path), tuple(WRITERS))


def test_sets_with_and_without_splits_are_not_mixed(tmp_path: Path) -> None:
    spec = f"{source(tmp_path / 'a')}+yolo:{draw.yolo(tmp_path / 'b')}"
    with pytest.raises(UserError, match="some bring splits and some none"):
        copied(spec, Terms("voc", True, "objects"), tmp_path)
    assert len(copied(spec.partition("+")[0], Terms("voc", True, "objects"), tmp_path, parse("cat"))[0].sheets) == 4


@pytest.mark.parametrize("form", WRITERS)
def test_every_writer_says_what_it_can_say(form: str) -> None:
    writer = import_module(WRITERS[form])
    assert isinstance(writer.SIZED, bool)
    assert writer.IGNORES in ("nothing", "objects", "regions")
