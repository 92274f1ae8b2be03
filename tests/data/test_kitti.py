"""KITTI label_2: DontCare, lists, rows that do not hold."""

from pathlib import Path

import pytest

from mfast_edge.data import kitti
from mfast_edge.data.index import read
from mfast_edge.data.sample import ANY
from mfast_edge.errors import UserError
from tests.data import draw

REST = "-1 -1 -1 -1000 -1000 -1000 -10"
CAR = f"Car 0.00 0 1.85 3.5 4.25 20.5 25.75 {REST}"
NOTHING = f"DontCare -1 -1 -10 1 2 30 29 {REST}"


def frames(root: Path, count: int = 3, rows: str = f"{CAR}\n{NOTHING}\n") -> Path:
    for number in range(count):
        draw.photo(root / "training" / "image_2" / f"{number:06}.png", seed=number)
        (root / "training" / "label_2").mkdir(exist_ok=True)
        (root / "training" / "label_2" / f"{number:06}.txt").write_text(rows)
    return root


def test_a_row_is_a_box_and_dont_care_is_a_region_of_any_class(tmp_path: Path) -> None:
    data = read(f"kitti:{frames(tmp_path / 'd')}", cache=tmp_path)
    assert data.classes == kitti.CLASSES
    for record in data.records:
        assert record.truth.boxes.tolist() == [[3.5, 4.25, 20.5, 25.75], [1, 2, 30, 29]]
        assert record.truth.classes.tolist() == [0, ANY]
        assert record.truth.ignore.tolist() == [False, True]
    assert not len(data.report)


def test_the_folder_of_the_frames_is_as_good_and_lists_are_honoured(tmp_path: Path) -> None:
    frames(tmp_path)
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("000000\n000002\n000009\n")
    (tmp_path / "ImageSets" / "test.txt").write_text("000100\n000101\n")
    raw = kitti.read(tmp_path)
    assert raw.splits == {"train": ("training/image_2/000000.png", "training/image_2/000002.png")}
    assert [one.what for one in raw.findings] == [
        "1 frames have no label file, the first being 000009",
        "2 frames have no label file, the first being 000100",
    ]
    assert len(kitti.read(tmp_path / "training").drafts) == 3


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("Car 0 0 0 1 2 3", "row 1 is not a class and 14 numbers"),
        (f"Car 0.00 0 1.85 a 4.25 20.5 25.75 {REST}", "row 1 is not a class and 14 numbers"),
        (f"Horse 0.00 0 1.85 3 4.25 20.5 25.75 {REST}", "Horse: unknown class"),
        (f"Car 0.00 0 1.85 30 4.25 20.5 25.75 {REST}", "Car: zero-area or inside-out box 30, 4.25, 20.5, 25.75"),
    ],
)
def test_a_row_that_does_not_hold_is_reported_and_left_out(row: str, what: str, tmp_path: Path) -> None:
    root = frames(tmp_path / "d")
    (root / "training" / "label_2" / "000000.txt").write_text(f"{row}\n{CAR} 0.9\n")
    data = read(f"kitti:{root}", cache=tmp_path)
    assert [one.what for one in data.report] == [what]
    assert sum(int((~record.truth.ignore).sum()) for record in data.records) == 3


def test_photos_without_labels_and_labels_without_photos_are_reported(tmp_path: Path) -> None:
    root = frames(tmp_path / "d", 5)
    (root / "training" / "label_2" / "000001.txt").unlink()
    (root / "training" / "image_2" / "000002.png").unlink()
    data = read(f"kitti:{root}", cache=tmp_path)
    assert [one.what for one in data.report] == [
        "1 photos have no label file, the first being 000001.png",
        "missing image file",
    ]


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no label_2 here"):
        kitti.read(tmp_path)
