"""The real sets below MFAST_DATA: what their papers and their other formats say."""

import os
from pathlib import Path

import numpy as np
import pytest

from mfast_edge import convert
from mfast_edge.data import crowdhuman
from mfast_edge.data.classes import parse
from mfast_edge.data.dealing import Split
from mfast_edge.data.index import measurable, read
from mfast_edge.data.sample import Dataset, Truth
from mfast_edge.errors import UserError

DATA = os.environ.get("MFAST_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="MFAST_DATA is not set: no real photos here")
CLASSES = {"RBC": 4153, "WBC": 372, "Platelets": 361}  # RBC 4155 less the two zero-area boxes


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def counted(dataset: Dataset, ignored: bool = False) -> dict[str, int]:
    """How many objects of each class that has some, the ignored ones or the others."""
    names = [*dataset.classes, "anything"]
    kinds = [names[kind] for one in dataset.records for kind in one.truth.classes[one.truth.ignore == ignored]]
    return {name: kinds.count(name) for name in names if name in kinds}


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
    assert counted(dataset) == CLASSES
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


@pytest.mark.parametrize("form", ["voc", "coco", "yolo"])
def test_voc100_converted_has_the_same_boxes_whatever_it_was_and_becomes(
    form: str, cache: Path, tmp_path: Path
) -> None:
    """All of voc, coco and yolo into each of them: no box moves by more than float32 can tell."""
    sources = {"voc": "voc", "coco": "coco_v1", "yolo": "yolo"}
    written = objects(read(f"{form}:{DATA}/voc100/{sources[form]}", cache=cache))
    for other in sources:
        convert.convert(
            f"{other}:{DATA}/voc100/{sources[other]}", f"{form}:{tmp_path / other}", None, True, cache / "runs"
        )
        mine = objects(read(f"{form}:{tmp_path / other}", cache=cache))
        was = objects(read(f"{other}:{DATA}/voc100/{sources[other]}", cache=cache))
        assert largest(mine, was) < 1e-4
        assert largest(mine, written) <= 0.00043


def largest(one: dict[str, list[tuple[str, np.ndarray]]], other: dict[str, list[tuple[str, np.ndarray]]]) -> float:
    """Pixels between the sides of the same boxes; fails where photos or classes are others."""
    assert one.keys() == other.keys()
    assert sum(map(len, one.values())) == 273
    apart = 0.0
    for stem, rows in one.items():
        assert [name for name, _ in rows] == [name for name, _ in other[stem]]
        for (_, box), (_, same) in zip(rows, other[stem], strict=True):
            apart = max(apart, float(np.abs(box - same).max()))
    return apart


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


def test_coco128_s_polygons_are_coco_s_ids_and_lie_in_the_boxes_of_the_same_class(cache: Path) -> None:
    """Two spaces of numbers, one list of classes: polygons of ids 1 to 90 meet boxes of 0 to 79."""
    shapes = read(f"polygons:{DATA}/coco128", cache=cache)
    assert (len(shapes.records), sum(len(one.truth.boxes) for one in shapes.records)) == (100, 712)
    done = [one.done for one in shapes.report]
    assert done.count("read as COCO's ids, 1 to 90") == 1
    assert done.count("photo left out") == 28
    assert done.count("only the polygons are read") == 7
    boxes = {one.name: one.truth for one in read(f"yolo:{DATA}/coco128", cache=cache).records}
    alike = [best(box, kind, boxes[one.name]) for one in shapes.records for box, kind in pairs(one.truth)]
    assert np.mean(np.array(alike) > 0.5) > 0.98  # polygons are coarser than boxes, and of parts, but never of others
    masks = [ring for one in shapes.records for mask in one.truth.masks for ring in mask]
    assert len(masks) == 712
    assert max(max(ring) for ring in masks) > 100  # pixels, as of COCO, not fractions


def pairs(truth: Truth) -> list[tuple[np.ndarray, int]]:
    return list(zip(truth.boxes, truth.classes.tolist(), strict=True))


def best(box: np.ndarray, kind: int, truth: Truth) -> float:
    """The largest IoU with a box of the same class."""
    rows = truth.boxes[truth.classes == kind]
    if not len(rows):
        return 0.0
    sides = (np.minimum(rows[:, 2:], box[2:]) - np.maximum(rows[:, :2], box[:2])).clip(min=0)
    both = sides.prod(1)
    areas = (rows[:, 2:] - rows[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return float((both / (areas - both)).max())


def test_kitti_s_frames_have_their_sizes_and_their_regions_without_labels(cache: Path) -> None:
    every = read(f"kitti:{DATA}/kitti", cache=cache)
    assert counted(every) == {"Car": 2, "Truck": 1, "Pedestrian": 1, "Cyclist": 1, "Misc": 1}
    assert counted(every, ignored=True) == {"anything": 4}
    assert len({(one.width, one.height) for one in every.records}) == 2
    assert not len(every.report)
    three = read(f"kitti:{DATA}/kitti", cache=cache, classes=parse("kitti"))
    assert counted(three) == {"Car": 2, "Pedestrian": 1, "Cyclist": 1}
    assert counted(three, ignored=True) == {"anything": 4}
    assert [one.what for one in three.report] == ["--classes: 2 objects of classes that it drops: Truck, Misc"]


def test_crowdhuman_s_record_is_read_in_three_kinds_of_boxes_and_refused_for_want_of_its_photo(cache: Path) -> None:
    reads = {"fbox": crowdhuman.read, "vbox": crowdhuman.visible, "hbox": crowdhuman.heads}
    for kind, how in reads.items():
        (draft,) = how(Path(DATA) / "crowdhuman").drafts
        assert [thing.ignore for thing in draft.things] == [False] * 6 + [True], kind
        assert [thing.label for thing in draft.things] == ["person"] * 6 + ["mask"]
    full = crowdhuman.read(Path(DATA) / "crowdhuman").drafts[0].things
    assert max(thing.box[3] for thing in full) == 2041  # of the photo nothing is known but that it is less high
    with pytest.raises(UserError, match="1 annotated photos are not there, the first being Images/283554,352880008"):
        read(f"crowdhuman:{DATA}/crowdhuman", cache=cache)


def test_trashnet_has_a_class_for_every_photo_and_no_box(cache: Path) -> None:
    dataset = measurable(f"folders:{DATA}/trashnet", cache=cache)
    labels = [dataset.classes[label] for one in dataset.records for label in one.truth.labels]
    known = {"cardboard": 403, "glass": 501, "metal": 410, "paper": 594, "plastic": 482, "trash": 137}
    assert {name: labels.count(name) for name in dataset.classes} == known
    assert {part: len(rows) for part, rows in dataset.splits.items()} == {"train": 1768, "val": 328, "test": 431}
    assert {(one.width, one.height) for one in dataset.records} == {(150, 150)}
    twice = {one.sha256: one for one in dataset.records}
    pairs = [{twice[one.sha256].path.stem, one.path.stem} for one in dataset.records if twice[one.sha256] is not one]
    assert sorted(map(sorted, pairs)) == [
        ["glass115", "metal91"],
        ["glass176", "plastic152"],
        ["glass389", "plastic332"],
    ]
    twins = {Path(one.path).stem: one.what for one in dataset.report if one.done == "both kept: one of them is wrong"}
    assert twins == {
        "metal91": "shows metal, the same photo as images/glass/glass115.jpg, which shows glass",
        "plastic152": "shows plastic, the same photo as images/glass/glass176.jpg, which shows glass",
        "plastic332": "shows plastic, the same photo as images/glass/glass389.jpg, which shows glass",
    }
    told = " ".join(str(one) for one in dataset.report)
    for one, other in (("glass176", "plastic152"), ("glass389", "plastic332")):
        assert f"{other}.jpg: in " in told
        assert f"images/glass/{one}.jpg in train" in told
    with pytest.raises(UserError, match="not one box; a detector learns from boxes"):
        read(f"folders:{DATA}/trashnet", cache=cache)


def test_all_persons_of_four_sets_are_one_class(cache: Path) -> None:
    parts = (f"voc:{DATA}/voc100/voc", f"kitti:{DATA}/kitti", f"yolo:{DATA}/coco128", f"coco:{DATA}/voc100/coco_v2")
    dataset = read("+".join(parts), cache=cache, classes=parse("person"))
    assert dataset.classes == ("person",)
    alone = [measurable(part, cache=cache, classes=parse("person")) for part in parts]
    assert counted(dataset)["person"] == sum(counted(one)["person"] for one in alone)
    assert counted(dataset, ignored=True)["anything"] == 4
    assert counted(dataset, ignored=True)["person"] > 0  # difficult ones, and KITTI's cyclist


def test_a_box_that_touches_the_border_is_left_as_it_is(cache: Path) -> None:
    dataset = read(f"voc:{DATA}/bccd", cache=cache)
    white = dataset.classes.index("WBC")
    touching = [
        box
        for one in dataset.records
        for box, kind in pairs(one.truth)
        if kind == white and (box[0] <= 0 or box[1] <= 0 or box[2] >= one.width or box[3] >= one.height)
    ]
    assert touching
    assert max(len(one.truth.boxes) for one in dataset.records) == 30


def test_a_stratified_bccd_has_its_rare_classes_in_every_fold(cache: Path, tmp_path: Path) -> None:
    for folder in ("Annotations", "JPEGImages"):
        (tmp_path / folder).symlink_to(Path(DATA, "bccd", folder))
    dataset = read(f"voc:{tmp_path}", cache=cache, how=Split(by=("class", "count")))
    (deal,) = dataset.deals
    assert max(deal.photos) - min(deal.photos) <= 3
    assert all(max(counts) - min(counts) <= 3 for counts in deal.strata.values()), deal.lines()
