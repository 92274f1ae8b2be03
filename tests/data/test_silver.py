"""Silver beside gold: learnt from, never measured on, and never taken for gold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfast_edge.data.copied import Copy, Sheet, Terms, copied
from mfast_edge.data.draft import Thing
from mfast_edge.data.index import measurable, read
from mfast_edge.data.silver import MARK, labels
from mfast_edge.data.writers import coco
from mfast_edge.errors import UserError
from tests.class_folders import draw


def photos(root: Path, numbers: range, marker: bool) -> str:
    """A COCO folder of noise photos, each with one box; the same number is the same photo. With a marker: silver."""
    (root / "images").mkdir(parents=True)
    sheets = []
    for number in numbers:
        path = root / "images" / f"{number}.png"
        cv2.imwrite(str(path), np.random.default_rng(number).integers(0, 255, (32, 48, 3), np.uint8))
        sheets.append(Sheet(f"{number}", path.name, path, 48, 32, (Thing((4, 4, 20, 20), 0, "disc"),)))
    coco.write(Copy(("disc",), tuple(sheets), {"train": tuple(one.stem for one in sheets)} if marker else {}), root)
    if marker:
        (root / MARK).write_text(json.dumps({"task": "detect", "labels": labels(root)}))
    return f"{'silver' if marker else 'coco'}:{root}"


@pytest.fixture
def gold(tmp_path: Path) -> str:
    return photos(tmp_path / "gold", range(20), False)


@pytest.fixture
def silver(tmp_path: Path) -> str:
    """Eight photos of which three are gold too."""
    return photos(tmp_path / "silver", range(17, 25), True)


def test_only_train_gets_silver_and_of_photos_that_are_gold_none(tmp_path: Path, gold: str, silver: str) -> None:
    alone, both = (read(spec, cache=tmp_path / "c") for spec in (gold, f"{gold}+{silver}"))
    marks = [{part: [one.sha256 for one in data.splits[part]] for part in data.splits} for data in (alone, both)]
    assert marks[0]["val"] == marks[1]["val"]
    assert marks[0]["test"] == marks[1]["test"]
    assert marks[1]["train"][: len(marks[0]["train"])] == marks[0]["train"]
    added = [one.name for one in both.splits["train"] if one.name.startswith("silver/")]
    assert added == [f"silver/images/{number}.png" for number in range(20, 25)]
    assert sum("which is gold" in line for line in both.report.lines()) == 3
    assert alone.digest != both.digest


def test_nothing_is_measured_on_it(tmp_path: Path, gold: str, silver: str) -> None:
    found = measurable(f"{gold}+{silver}", cache=tmp_path / "c")
    assert not [one.name for one in found.records if one.name.startswith("silver/")]
    for how in (read, measurable):
        with pytest.raises(UserError, match="gold data before them"):
            how(silver, cache=tmp_path / "c")


def test_no_other_format_reads_it_and_nobody_converts_it(tmp_path: Path, gold: str, silver: str) -> None:
    root = tmp_path / "silver"
    for spec in (f"coco:{root}", f"coco:{root}/annotations/instances_train.json", f"photos:{root}/images"):
        with pytest.raises(UserError, match="a network made these labels"):
            read(spec, cache=tmp_path / "c")
    with pytest.raises(UserError, match="stay silver"):
        copied(f"{gold}+{silver}", Terms("coco", True, "objects"), tmp_path / "c")


def test_labels_that_somebody_changed_are_silver_no_more(tmp_path: Path, gold: str, silver: str) -> None:
    file = tmp_path / "silver" / "annotations" / "instances_train.json"
    file.write_text(file.read_text().replace("20", "21"))
    with pytest.raises(UserError, match="labels are not those"):
        read(f"{gold}+{silver}", cache=tmp_path / "c")
    (tmp_path / "silver" / MARK).unlink()
    with pytest.raises(UserError, match=r"no silver.json here"):
        read(f"{gold}+{silver}", cache=tmp_path / "c")


def test_it_lies_anywhere(tmp_path: Path, gold: str, silver: str) -> None:
    before = read(f"{gold}+{silver}", cache=tmp_path / "c")
    shutil.move(tmp_path / "silver", tmp_path / "elsewhere")
    assert read(f"{gold}+silver:{tmp_path}/elsewhere", cache=tmp_path / "c").digest == before.digest


def test_classes_of_whole_photos_are_silver_too(tmp_path: Path) -> None:
    draw(tmp_path / "gold", count=14)
    shutil.copytree(tmp_path / "gold", tmp_path / "silver" / "train")
    for path in (tmp_path / "silver").rglob("*.png"):
        if "disc" not in path.parts:
            path.unlink()
        else:
            cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    (tmp_path / "silver" / MARK).write_text(json.dumps({"task": "classify", "labels": labels(tmp_path / "silver")}))
    gold = f"folders:{tmp_path}/gold"
    alone, both = (
        read(spec, cache=tmp_path / "c", task="classify") for spec in (gold, f"{gold}+silver:{tmp_path}/silver")
    )
    added = [one for one in both.splits["train"] if one.name.startswith("silver/")]
    assert {both.classes[one.truth.labels[0]] for one in added} == {"disc"}
    assert len(added) == 14
    for part in ("val", "test"):
        assert [one.sha256 for one in alone.splits[part]] == [one.sha256 for one in both.splits[part]]
