"""The real sets below MFAST_DATA: what their papers and their other formats say."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data.dealing import Split
from mfast_edge.data.index import read
from mfast_edge.data.sample import Dataset, Record, Truth
from mfast_edge.data.split import twins

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


def test_trashnet_has_three_photos_in_two_classes() -> None:
    """Straight from the files, for what lies in class folders is another reader's."""
    folders = sorted(path for path in Path(DATA, "trashnet").rglob("*") if any(path.glob("*.jpg")))
    empty = Truth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    records = [
        Record(
            path.name, path, hashlib.sha256(path.read_bytes()).hexdigest(), 150, 150, 1, replace(empty, labels=(kind,))
        )
        for kind, folder in enumerate(folders)
        for path in sorted(folder.glob("*.jpg"))
    ]
    found = twins(records, [folder.name for folder in folders])
    assert len(records) == 2527
    assert {finding.path: finding.what.split()[6] for finding in found} == {
        "plastic152.jpg": "glass176.jpg,",
        "plastic332.jpg": "glass389.jpg,",
        "metal91.jpg": "glass115.jpg,",
    }


def test_a_stratified_bccd_has_its_rare_classes_in_every_fold(cache: Path, tmp_path: Path) -> None:
    for folder in ("Annotations", "JPEGImages"):
        (tmp_path / folder).symlink_to(Path(DATA, "bccd", folder))
    dataset = read(f"voc:{tmp_path}", cache=cache, how=Split(by=("class", "count")))
    (deal,) = dataset.deals
    assert max(deal.photos) - min(deal.photos) <= 3
    assert all(max(counts) - min(counts) <= 3 for counts in deal.strata.values()), deal.lines()
