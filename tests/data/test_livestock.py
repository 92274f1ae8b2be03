"""Livestock JSON: the class is in the file's name, the size in the label, category ids mean nothing."""

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from mfast_edge.data import livestock
from mfast_edge.data.index import measurable, read
from mfast_edge.errors import UserError
from tests.data import draw

SIZE = {"width": 40, "height": 30}


def animal(path: Path, boxes: list[Any], image: dict[str, Any] | None = None, photo: bool = True) -> Path:
    """A label file and, beside its folder, its photo."""
    rows = [{"category_id": 1, "bbox": box} for box in boxes]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"label_info": {"image": SIZE if image is None else image, "annotations": rows}}))
    if photo:
        size = (40, 30) if image is None else (int(image["width"]), int(image["height"]))
        draw.photo(path.parents[1] / "images" / f"{path.stem}.jpg", size, seed=crc32(path.stem.encode()))
    return path


def farm(root: Path) -> Path:
    for number in range(4):
        animal(root / "labels" / f"livestock_cow_bbox_{number:06}.json", [[1, 2, 20, 25]])
        animal(root / "labels" / f"livestock_pig_bbox_{number:06}.json", [[3, 4, 9, 9], [10, 10, 20, 20]])
    return root


def test_the_class_comes_from_the_file_name(tmp_path: Path) -> None:
    data = read(f"livestock:{farm(tmp_path / 'd')}", cache=tmp_path)
    assert data.classes == ("pig", "cow")
    for record in data.records:
        wanted = [1] if "cow" in record.name else [0, 0]
        assert record.truth.classes.tolist() == wanted
    assert sum(len(record.truth.boxes) for record in data.records) == 12
    assert not len(data.report)


def test_each_photo_has_the_size_that_its_label_states_and_another_is_reported(tmp_path: Path) -> None:
    root = farm(tmp_path / "d")
    animal(root / "labels" / "a_cow.json", [[1, 2, 60, 50]], {"width": 80, "height": 60})
    animal(root / "labels" / "b_pig.json", [[1, 2, 20, 25]], {"width": 80, "height": 60}, photo=False)
    draw.photo(root / "images" / "b_pig.jpg")
    data = read(f"livestock:{root}", cache=tmp_path)
    sizes = {record.path.stem: (record.width, record.height) for record in data.records}
    assert sizes["a_cow"] == (80, 60)
    assert "b_pig" not in sizes
    assert [one.what for one in data.report] == ["annotated as 80x60, but stored as 40x30 (EXIF orientation 1)"]


@pytest.mark.parametrize("side", ["1e999", "-3", "null", "NaN"])
def test_a_stated_size_that_is_none_is_not_asked_for(side: str, tmp_path: Path) -> None:
    root = farm(tmp_path / "d")
    label = root / "labels" / "livestock_cow_bbox_000000.json"
    said = json.loads(label.read_text())
    said["label_info"]["image"]["width"] = "SIDE"
    label.write_text(json.dumps(said).replace('"SIDE"', side))
    assert {draft.path.stem: draft.size for draft in livestock.read(root).drafts}[label.stem] is None


def test_dirt_is_reported_and_a_photo_without_animals_is_kept(tmp_path: Path) -> None:
    root = farm(tmp_path / "d")
    animal(root / "labels" / "empty_cow.json", [])
    animal(root / "labels" / "sheep.json", [[1, 2, 20, 25]])
    animal(root / "labels" / "bad_cow.json", [[1, 2, 3], None, [1, 2, 20, 25]])
    (root / "labels" / "other.json").write_text('{"label_info": 3}')
    draw.photo(root / "images" / "stray.jpg", seed=77)
    data = measurable(f"livestock:{root}", cache=tmp_path)
    assert sorted(str(one) for one in data.report) == [
        ".: 1 photos have no JSON, the first being images/stray.jpg; left out",
        "images/sheep.jpg: neither pig nor cow in the name sheep: unknown class; box left out",
        "labels/bad_cow.json: cow: bbox None is not four numbers; box left out",
        "labels/bad_cow.json: cow: bbox [1, 2, 3] is not four numbers; box left out",
        "labels/other.json: not a JSON with `label_info.annotations`; file left out",
    ]
    assert any(record.path.stem == "empty_cow" for record in data.records)


def test_folders_named_after_splits_are_splits(tmp_path: Path) -> None:
    animal(tmp_path / "Training" / "labels" / "1_cow.json", [[1, 2, 20, 25]])
    animal(tmp_path / "Validation" / "labels" / "2_cow.json", [[1, 2, 20, 25]])
    raw = livestock.read(tmp_path)
    assert raw.splits == {"train": ("Training/images/1_cow.jpg",), "val": ("Validation/images/2_cow.jpg",)}


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UserError, match="a file; give the folder"):
        livestock.read(tmp_path / "a.json")
