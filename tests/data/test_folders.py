"""Class folders: labels of whole photos, splits by folder or by list."""

from pathlib import Path

import pytest

from mfast_edge.data import folders
from mfast_edge.data.index import measurable
from mfast_edge.errors import UserError
from tests.data import draw


def shelves(root: Path, count: int = 3) -> Path:
    for place, name in enumerate(("glass", "paper")):
        for number in range(count):
            draw.photo(root / name / f"{name}{number}.jpg", seed=10 * place + number)
    return root


def test_the_folder_is_the_class_and_there_is_no_box(tmp_path: Path) -> None:
    raw = folders.read(shelves(tmp_path / "images").parent)
    assert raw.classes == ("glass", "paper")
    assert {draft.name: draft.labels for draft in raw.drafts} == {
        f"images/{name}/{name}{number}.jpg": (place,)
        for place, name in enumerate(("glass", "paper"))
        for number in range(3)
    }
    assert not any(draft.things for draft in raw.drafts)
    data = measurable(f"folders:{tmp_path}", cache=tmp_path / "cache")
    assert sorted(record.truth.labels for record in data.records) == [(0,)] * 3 + [(1,)] * 3


def test_folders_above_the_classes_are_splits_and_a_class_may_be_called_train(tmp_path: Path) -> None:
    shelves(tmp_path / "train", 2)
    shelves(tmp_path / "val", 1)
    raw = folders.read(tmp_path)
    assert raw.classes == ("glass", "paper")
    assert {part: len(names) for part, names in raw.splits.items()} == {"train": 4, "val": 2}
    draw.photo(tmp_path / "b" / "train" / "1.jpg")
    draw.photo(tmp_path / "b" / "plane" / "1.jpg")
    assert folders.read(tmp_path / "b").classes == ("plane", "train")


def test_lists_of_names_are_splits_and_lines_that_mean_no_photo_are_counted(tmp_path: Path) -> None:
    shelves(tmp_path)
    (tmp_path / "x_train.txt").write_text("glass0.jpg 1\nglass/glass1.jpg 1\npaper9.jpg 2\n")
    (tmp_path / "x_test.txt").write_text("paper/paper0.jpg 2\n")
    (tmp_path / "training-notes.txt").write_text("Train with care.\n")
    draw.photo(tmp_path / "stray.jpg")
    raw = folders.read(tmp_path)
    assert raw.splits == {"test": ("paper/paper0.jpg",), "train": ("glass/glass0.jpg", "glass/glass1.jpg")}
    assert [str(one) for one in raw.findings] == [
        ".: 1 photos are in the folder of no class, the first being stray.jpg; left out",
        "x_train.txt: 1 lines mean no photo or several, the first being paper9.jpg; photos left out",
    ]


def test_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a file; give the folder"):
        folders.read(draw.photo(tmp_path / "a.jpg"))
