"""Photos with one class each: which are taken, how they are dealt, what is said of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mfast_edge.data.dealing import Split
from mfast_edge.data.index import again, measurable, read
from mfast_edge.data.sample import Dataset
from mfast_edge.data.whole import counts, lines
from mfast_edge.errors import UserError
from mfast_edge.report import described
from tests.data import draw


def shelves(root: Path, **photos: int) -> Path:
    """Class folders with so many photos each, all different."""
    seed = 0
    for name, count in photos.items():
        for number in range(count):
            seed += 1
            draw.photo(root / name / f"{name}{number}.jpg", seed=seed)
    return root


def classified(root: Path, cache: Path, **given: object) -> Dataset:
    return read(f"folders:{root}", cache=cache, task="classify", **given)  # type: ignore[arg-type]


def test_every_class_is_in_every_split_and_the_same_photos_give_the_same_splits(tmp_path: Path) -> None:
    root = shelves(tmp_path / "d", glass=21, paper=14, trash=7)
    data = classified(root, tmp_path)
    assert counts(data) == {"glass": [15, 3, 3], "paper": [10, 2, 2], "trash": [5, 1, 1]}
    assert lines(data)[1].split() == ["glass", "15", "3", "3", "21"]
    assert classified(root, tmp_path).digest == data.digest
    assert again(described(data, 0), cache=tmp_path).digest == data.digest
    assert data.deals == ()  # nobody asked for folds


def test_folds_that_were_asked_for_are_dealt(tmp_path: Path) -> None:
    data = classified(shelves(tmp_path / "d", glass=10, paper=10), tmp_path, how=Split(by=("class",), folds=5))
    assert counts(data) == {"glass": [6, 2, 2], "paper": [6, 2, 2]}
    assert len(data.deals) == 1


def test_lists_that_name_no_photo_of_a_class_are_not_used(tmp_path: Path) -> None:
    root = shelves(tmp_path / "d", glass=7, paper=7, trash=7)
    for part, numbers in {"train": range(5), "val": [5], "test": [6]}.items():
        names = [f"{name}{number}.jpg" for name in ("glass", "paper") for number in numbers]
        (root / f"{part}.txt").write_text("\n".join(names))
    data = classified(root, tmp_path)
    assert [str(one) for one in data.report] == [
        ".: its lists of splits name no photo of trash; lists not used: all photos are dealt by class and content"
    ]
    assert counts(data)["trash"] == [5, 1, 1]
    shutil.rmtree(root / "trash")
    assert counts(classified(root, tmp_path)) == {"glass": [5, 1, 1], "paper": [5, 1, 1]}


def test_the_same_photo_with_two_classes_is_told_and_never_in_two_splits(tmp_path: Path) -> None:
    root = shelves(tmp_path / "d", glass=7, paper=7)
    shutil.copy(root / "glass" / "glass0.jpg", root / "paper" / "copy.jpg")
    dealt = classified(root, tmp_path)
    assert "copy.jpg: shows paper, the same photo as glass/glass0.jpg, which shows glass" in dealt.report.lines()[0]
    twins = ("copy.jpg", "glass0.jpg")
    places = [part for part, rows in dealt.splits.items() for one in rows if one.name.endswith(twins)]
    assert len(places) == 2
    assert len(set(places)) == 1
    for part, names in {
        "train": "glass0 glass1 paper0 paper1",
        "val": "copy glass2 paper2",
        "test": "glass3 paper3",
    }.items():
        (root / f"{part}.txt").write_text("\n".join(f"{name}.jpg" for name in names.split()))
    given = classified(root, tmp_path)
    assert (
        "glass/glass0.jpg: in train as glass, the same photo as paper/copy.jpg in val as paper; left out of train"
        in [str(one) for one in given.report]
    )
    assert [len(given.splits[part]) for part in ("train", "val", "test")] == [3, 3, 2]


def test_photos_without_a_class_of_their_own_are_left_out_or_refused(tmp_path: Path) -> None:
    shelves(tmp_path / "d", glass=7, paper=7)
    draw.voc(tmp_path / "v", 4)
    with pytest.raises(UserError, match="no photo with a class of its own; a classifier learns"):
        read(f"voc:{tmp_path}/v", cache=tmp_path, task="classify")
    with pytest.raises(UserError, match=r"but not one box; .* or a model that classifies, would be right"):
        read(f"folders:{tmp_path}/d", cache=tmp_path)


def test_one_class_alone_cannot_be_told_from_anything(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="photos to train on of glass alone; two classes or more"):
        classified(shelves(tmp_path / "d", glass=9), tmp_path)


def test_a_class_that_a_split_lacks_is_told(tmp_path: Path) -> None:
    for part, names in {"train": ("glass", "paper"), "val": ("glass",), "test": ("glass", "paper", "metal")}.items():
        for place, name in enumerate(names):
            draw.photo(tmp_path / "d" / part / name / f"{part}.jpg", seed=10 * len(part) + place)
    (tmp_path / "d" / "train" / "wood").mkdir()
    told = [str(one) for one in classified(tmp_path / "d", tmp_path).report]
    assert told == [
        ".: wood has no photo; a class that will never be said",
        ".: metal has no photo in train; it will never be said",
        ".: metal has no photo in val; not judged",
        ".: paper has no photo in val; not judged",
    ]


def test_of_many_classes_a_terminal_shows_some_and_the_sum(tmp_path: Path) -> None:
    root = shelves(tmp_path / "d", **{f"c{number:02}": 1 for number in range(50)})
    told = lines(measurable(f"folders:{root}", cache=tmp_path, task="classify"))
    assert len(told) == 43
    assert told[-3].startswith("c39 ")
    assert told[-2] == "… and 10 more classes"
    assert told[-1].split()[-1] == "50"
    assert lines(measurable(f"folders:{root}", cache=tmp_path)) == []


def test_data_to_measure_on_may_be_few(tmp_path: Path) -> None:
    data = measurable(f"folders:{shelves(tmp_path / 'd', glass=1, paper=1)}", cache=tmp_path, task="classify")
    assert len(data.records) == 2
