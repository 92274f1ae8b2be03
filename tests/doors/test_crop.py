"""Objects cut out of a COCO set become class folders that data are read from again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from mfast_edge.data.folders import read
from tests.doors.doors import refused, without_torch

COLOURS = {"Clear plastic bottle": (200, 30, 30), "Drink can": (30, 200, 30), "Food Can": (30, 30, 200)}


def taco(root: Path, count: int = 12) -> Path:
    """Grey photos 80x60 in a folder of a batch, with a 30x20 block of a class's colour at (10, 30), one of 6x6 px and
    a crowd."""
    images, annotations = [], []
    for number in range(count):
        kind = number % len(COLOURS)
        photo = np.full((60, 80, 3), 90, np.uint8)
        photo[30:50, 10:40] = list(COLOURS.values())[kind]
        photo[0, 0] = number  # no two photos alike
        file = root / "batch_1" / f"{number:06}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(file)
        images.append({"id": number, "file_name": f"batch_1/{file.name}", "width": 80, "height": 60})
        for box, crowd in (([10, 30, 30, 20], 0), ([60, 5, 6, 6], 0), ([50, 20, 25, 25], 1)):
            row = {"id": len(annotations), "image_id": number, "category_id": kind, "bbox": box, "iscrowd": crowd}
            annotations.append({**row, "area": box[2] * box[3]})
    categories = [{"id": kind, "name": name} for kind, name in enumerate(COLOURS)]
    path = root / "annotations.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def test_objects_of_a_coco_set_become_class_folders_by_a_class_map(tmp_path: Path) -> None:
    data, to = f"coco:{taco(tmp_path / 'taco')}", tmp_path / "crops"
    merged = "Metal=Drink can+Food Can,Plastic=Clear plastic bottle"
    text = without_torch("crop", data, to, "--classes", merged, "--out", tmp_path)
    assert f"12 objects written to folders:{to}" in text
    assert "12 objects with a side below 16 px; left out" in text
    raw = read(to)
    assert raw.classes == ("Metal", "Plastic")
    assert Counter(draft.labels for draft in raw.drafts) == {(0,): 8, (1,): 4}
    assert set(raw.splits) == {"train", "val", "test"}
    stems = [Path(name).stem.rpartition("_")[0] for names in raw.splits.values() for name in names]
    assert len(set(stems)) == len(stems) == 12  # one object of each photo, so none in two splits
    for draft in raw.drafts:
        crop = np.asarray(Image.open(draft.path))
        assert crop.shape == (20, 30, 3)
        assert abs(crop[2:-2, 2:-2].astype(int) - crop[10, 15]).max() <= 4  # of one colour, but for JPEG


def test_padding_goes_as_far_as_the_photo_and_a_square_is_one(tmp_path: Path) -> None:
    data = f"coco:{taco(tmp_path / 'taco')}"
    for words, shape in ((("--padding", "0.5"), (45, 55, 3)), (("--square",), (30, 30, 3))):
        to = tmp_path / words[0]
        without_torch("crop", data, to, *words, "--out", tmp_path)
        assert {np.asarray(Image.open(draft.path)).shape for draft in read(to).drafts} == {shape}


def test_what_cannot_be_cut_out_is_refused_in_a_sentence(tmp_path: Path) -> None:
    data = f"coco:{taco(tmp_path / 'taco')}"
    assert "something already" in refused("crop", data, tmp_path, "--out", tmp_path)
    told = refused("crop", data, tmp_path / "a", "--smallest", 21, "--out", tmp_path)
    assert "no object is left; --smallest below 21 would be right" in told
    told = refused("crop", data, tmp_path / "b", "--classes", "a b=Drink can,a/b=Food Can", "--out", tmp_path)
    assert "'a b' and 'a/b' would share a folder" in told
