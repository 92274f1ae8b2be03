"""YOLO text files: both layouts, background photos, rows and paths that do not hold."""

from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data import yolo
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from tests.data import draw


def darknet(root: Path) -> Path:
    """Lists whose paths carry a prefix of their author's machine."""
    for number, part in enumerate(("train", "valid")):
        draw.photo(root / "obj" / f"{number}.jpg", seed=number)
        (root / "obj" / f"{number}.txt").write_text("1 0.5 0.5 0.5 0.4\n")
        (root / f"{part}.txt").write_text(f"data/obj/{number}.jpg\n")
    (root / "obj.names").write_text("cat\ndog\n")
    (root / "obj.data").write_text("train = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n")
    return root


def test_fractions_become_pixels(tmp_path: Path) -> None:
    dataset = read(f"yolo:{draw.yolo(tmp_path / 'd')}", cache=tmp_path)
    assert dataset.classes == ("cat", "dog")
    for record in dataset.records:
        np.testing.assert_allclose(record.truth.boxes, [[10, 9, 30, 21]], rtol=1e-6)
    assert not len(dataset.report)


def test_darknet_lists_are_followed_without_their_prefix(tmp_path: Path) -> None:
    raw = yolo.read(darknet(tmp_path))
    assert raw.classes == ("cat", "dog")
    assert raw.splits == {"train": ("obj/0.jpg",), "val": ("obj/1.jpg",)}
    assert [one.things[0].label for one in raw.drafts] == ["dog", "dog"]


def test_folders_named_after_splits_are_splits(tmp_path: Path) -> None:
    for number, part in enumerate(("train2017", "val", "test")):
        draw.photo(tmp_path / "images" / part / "a.jpg", seed=number)
    (tmp_path / "classes.txt").write_text("cat\n")
    raw = yolo.read(tmp_path)
    assert raw.splits == {
        "train": ("images/train2017/a.jpg",),
        "val": ("images/val/a.jpg",),
        "test": ("images/test/a.jpg",),
    }


def test_the_yaml_says_where_the_splits_are(tmp_path: Path) -> None:
    for number, part in enumerate(("one", "two")):
        draw.photo(tmp_path / part / "images" / "a.jpg", seed=number)
        (tmp_path / part / "labels").mkdir()
        (tmp_path / part / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.4\n")
    (tmp_path / "data.yaml").write_text("train: ../one/images\nval: two/images\nnames: [cat]\n")
    raw = yolo.read(tmp_path)
    assert raw.splits == {"train": ("one/images/a.jpg",), "val": ("two/images/a.jpg",)}
    assert [len(one.things) for one in raw.drafts] == [1, 1]


def test_yaml_paths_that_do_not_exist_are_reported_and_images_is_read(tmp_path: Path) -> None:
    root = draw.yolo(tmp_path)
    (root / "data.yaml").write_text("train: images/train2017\nnames: {0: cat, 2: dog}\n")
    raw = yolo.read(root)
    assert raw.classes == ("cat", "1", "dog")
    assert len(raw.drafts) == 4
    expected = "data.yaml: train: images/train2017 does not exist here; entry left out"
    assert [str(one) for one in raw.findings] == [expected]


def test_photos_without_label_files_are_background_and_counted_once(tmp_path: Path) -> None:
    root = draw.yolo(tmp_path / "d", 5)
    (root / "labels" / "p1.txt").unlink()
    (root / "labels" / "p2.txt").unlink()
    (root / "labels" / "p3.txt").write_text("")
    raw = yolo.read(root)
    assert [len(one.things) for one in raw.drafts] == [1, 0, 0, 0, 1]
    (finding,) = raw.findings
    assert finding.what == "2 photos have no label file, the first being images/p1.jpg"


def test_a_label_file_without_photo_is_reported(tmp_path: Path) -> None:
    root = draw.yolo(tmp_path)
    (root / "images" / "p1.jpg").unlink()
    (root / "labels" / "classes.txt").write_text("cat\n")
    expected = "labels/p1.txt: no photo for this label file; left out"
    assert [str(one) for one in yolo.read(root).findings] == [expected]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("0 0.5 0.5 0.5", "row 2 is not `class x y width height`"),
        ("0 0.5 x 0.5 0.5", "row 2 is not `class x y width height`"),
        ("0 nan 0.5 0.5 0.5", "cat: box nan, 7.5, nan, 22.5 is not a box"),
        ("nan 0.5 0.5 0.5 0.5", "class nan: unknown class"),
        ("2 0.5 0.5 0.5 0.5", "class 2: unknown class"),
        ("-1 0.5 0.5 0.5 0.5", "class -1: unknown class"),
        ("0.5 0.5 0.5 0.5 0.5", "class 0.5: unknown class"),
        ("1 0.5 0.5 0 0.5", "dog: zero-area or inside-out box 20, 7.5, 20, 22.5"),
    ],
)
def test_a_row_that_does_not_hold_is_reported_and_left_out(row: str, what: str, tmp_path: Path) -> None:
    root = draw.yolo(tmp_path / "d")
    (root / "labels" / "p0.txt").write_text(f"0 0.5 0.5 0.5 0.4\n{row}\n")
    dataset = read(f"yolo:{root}", cache=tmp_path)
    (finding,) = dataset.report
    assert (finding.what, finding.done) == (what, "box left out")
    assert sum(len(one.truth.boxes) for one in dataset.records) == 4


def test_a_turned_photo_is_read_as_viewers_show_it_and_reported(tmp_path: Path) -> None:
    root = draw.yolo(tmp_path / "d")
    draw.turned(root / "images" / "p0.jpg", 6)
    dataset = read(f"yolo:{root}", cache=tmp_path)
    (record,) = [one for one in dataset.records if one.rotate != 1]
    assert (record.width, record.height) == (30, 40)
    np.testing.assert_allclose(record.truth.boxes, [[7.5, 12, 22.5, 28]], rtol=1e-6)
    assert [one.done for one in dataset.report] == ["photo read as a viewer shows it"]


@pytest.mark.parametrize("text", [b"names: [cat", b"names: [caf\xe9]", b"names: [a]\nmade: 2024-13-45", b"[" * 3000])
def test_a_yaml_that_cannot_be_read_is_refused(text: bytes, tmp_path: Path) -> None:
    (draw.yolo(tmp_path) / "data.yaml").write_bytes(text)
    with pytest.raises(UserError, match="YAML that cannot be read"):
        yolo.read(tmp_path)


@pytest.mark.parametrize(
    "names", ["{cat: 0, dog: 1}", "{-1: cat}", "{1.5: cat}", "{900000000000: cat}", "5", "no.names"]
)
def test_names_that_are_neither_list_nor_numbered_nor_a_file_are_refused(names: str, tmp_path: Path) -> None:
    (draw.yolo(tmp_path) / "data.yaml").write_text(f"names: {names}\n")
    with pytest.raises(UserError, match=r"data\.yaml: names: .*; give a list"):
        yolo.read(tmp_path)


def test_names_may_be_a_file(tmp_path: Path) -> None:
    (draw.yolo(tmp_path) / "data.yaml").write_text("names: data/my.names\n")
    (tmp_path / "my.names").write_text("cat\ndog\n")
    assert yolo.read(tmp_path).classes == ("cat", "dog")


def test_entries_that_are_no_paths_are_reported(tmp_path: Path) -> None:
    (draw.yolo(tmp_path) / "data.yaml").write_text(f"names: [cat]\ntrain: 5\nval: {{a: b}}\ntest: {'x' * 300}\n")
    raw = yolo.read(tmp_path)
    assert [one.done for one in raw.findings] == ["entry left out"] * 3
    assert len(raw.drafts) == 4


def test_a_list_of_photos_with_lines_that_name_none_gives_photos_that_are_missing(tmp_path: Path) -> None:
    (darknet(tmp_path) / "train.txt").write_text("data/obj/0.jpg\n.\n" + "x" * 300)
    dataset = yolo.read(tmp_path)
    assert [one.path.is_file() for one in dataset.drafts[:2]] == [True, False]
    assert len(dataset.splits["train"]) == 3
