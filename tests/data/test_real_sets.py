"""The real sets below MFAST_DATA: what their papers and their other formats say."""

import os
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data.index import read
from mfast_edge.data.sample import Dataset

DATA = os.environ.get("MFAST_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="MFAST_DATA is not set: no real photos here")
CLASSES = {"RBC": 4153, "WBC": 372, "Platelets": 361}  # RBC 4155 less the two zero-area boxes


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def objects(dataset: Dataset) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Photo → its (class name, box), sorted."""
    found = {}
    for record in dataset.records:
        pairs = zip(record.truth.classes, record.truth.boxes, strict=True)
        rows = [(dataset.classes[kind], box) for kind, box in pairs]
        found[record.path.stem] = sorted(rows, key=lambda row: (row[0], *row[1].round(1)))
    return found


def test_bccd_has_its_splits_and_all_but_two_of_its_boxes(cache: Path) -> None:
    dataset = read(f"voc:{DATA}/bccd", cache=cache)
    assert {part: len(rows) for part, rows in dataset.splits.items()} == {"train": 205, "val": 87, "test": 72}
    kinds = np.bincount(np.concatenate([record.truth.classes for record in dataset.records]))
    assert dict(zip(dataset.classes, kinds.tolist(), strict=True)) == CLASSES
    assert sorted(Path(one.path).stem for one in dataset.report) == ["BloodImage_00338", "BloodImage_00343"]
    assert all("zero-area" in one.what for one in dataset.report)


@pytest.mark.parametrize(
    ("spec", "tolerance"),
    [("coco:voc100/coco_v1", 0.0), ("coco:voc100/coco_v2", 0.0), ("yolo:voc100/yolo", 0.0004)],
)
def test_voc100_has_the_same_boxes_in_every_format(spec: str, tolerance: float, cache: Path) -> None:
    form, _, folder = spec.partition(":")
    written = objects(read(f"voc:{DATA}/voc100/voc", cache=cache))
    other = objects(read(f"{form}:{DATA}/{folder}", cache=cache))
    assert written.keys() == other.keys()
    assert sum(map(len, written.values())) == 273
    for stem, rows in written.items():
        assert [name for name, _ in rows] == [name for name, _ in other[stem]]
        for (_, box), (_, same) in zip(rows, other[stem], strict=True):
            np.testing.assert_allclose(same, box, rtol=0, atol=tolerance + 3e-5 * (tolerance > 0))


def test_voc100_marks_38_difficult_objects(cache: Path) -> None:
    dataset = read(f"voc:{DATA}/voc100/voc", cache=cache)
    assert sum(record.truth.ignore.sum() for record in dataset.records) == 38


def test_coco128_is_read_although_its_yaml_names_missing_folders(cache: Path) -> None:
    dataset = read(f"yolo:{DATA}/coco128", cache=cache)
    assert len(dataset.records) == 128
    assert len(dataset.classes) == 80
    assert sum(len(record.truth.boxes) for record in dataset.records) == 898
    assert [one.path for one in dataset.report] == ["config.yaml", "config.yaml"]


def test_nuclei_bring_their_splits_and_a_mask_for_every_object(cache: Path) -> None:
    dataset = read(f"coco:{DATA}/nuclei", cache=cache)
    assert {part: len(rows) for part, rows in dataset.splits.items()} == {"train": 110, "val": 20, "test": 30}
    masks = [mask for record in dataset.records for mask in record.truth.masks]
    assert len(masks) == 4393
    assert all(masks)
