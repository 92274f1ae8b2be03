"""The way from a spec to a data set: what is refused, what is reported, what the digest depends on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data.facts import examined
from mfast_edge.data.index import read
from mfast_edge.data.report import Finding, Report
from mfast_edge.data.sample import Dataset
from mfast_edge.errors import Unfinished, UserError
from tests.data import draw


def voc(root: Path, cache: Path) -> Dataset:
    return read(f"voc:{root}", cache=cache)


def about(dataset: Dataset, name: str) -> Finding:
    (finding,) = [one for one in dataset.report if one.path.endswith(name)]
    return finding


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("tfrecord:/x", "unknown format 'tfrecord'; there are voc, coco, yolo"),
        ("voc:/no/such/folder", "no such folder"),
        ("voc:", "no such folder"),
        ("voc:~nobody-of-this-name/x", "no such folder"),
        (f"voc:{'x' * 300}", "no such folder"),
        ("particles:many", "COUNTxSIZE"),
        ("particles:3", "at least 6"),
    ],
)
def test_a_spec_that_cannot_be_read_is_the_users_mistake(spec: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        read(spec, cache=tmp_path)


@pytest.mark.parametrize("form", ["voc", "coco", "yolo"])
def test_an_empty_folder_is_refused(form: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no annotated photos|no COCO JSON"):
        read(f"{form}:{tmp_path / 'empty'}", cache=tmp_path / "cache")


def test_photos_without_any_class_name_are_refused(tmp_path: Path) -> None:
    draw.photo(tmp_path / "d" / "JPEGImages" / "a.jpg")
    draw.xml(tmp_path / "d" / "Annotations" / "a.xml", (40, 30), [])
    with pytest.raises(UserError, match="no class names"):
        voc(tmp_path / "d", tmp_path)


def test_an_empty_split_is_refused_by_name(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", train=["p0", "p1"], val=[], test=["p2"])
    with pytest.raises(UserError, match="no readable photos for val"):
        voc(root, tmp_path)


def test_a_split_whose_only_photo_is_broken_is_refused(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", train=["p0", "p1"], val=["p2"], test=["p3"])
    draw.truncated(root / "JPEGImages" / "p2.jpg")
    with pytest.raises(UserError, match="no readable photos for val"):
        voc(root, tmp_path)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_split_without_a_box_to_be_found_is_refused_by_name(part: str, tmp_path: Path) -> None:
    lists = {"train": ["p0"], "val": ["p1"], "test": ["p2"]}
    root = draw.voc(tmp_path / "d", 3, **lists)
    draw.xml(root / "Annotations" / f"{lists[part][0]}.xml", (40, 30), [("cat", (1, 2, 20, 25), 1)])
    with pytest.raises(UserError, match=rf"voc:.*: no box to be found in {part};"):
        voc(root, tmp_path)


@pytest.mark.parametrize(("right", "findings"), [(20, 0), (21, 1)])
def test_a_photo_annotated_twice_is_one_photo_and_reported_where_they_differ(
    right: int, findings: int, tmp_path: Path
) -> None:
    root = tmp_path / "d"
    for number in range(3):
        draw.photo(root / "images" / f"p{number}.jpg", seed=number)
        draw.xml(root / "old" / f"p{number}.xml", (40, 30), [("cat", (1, 2, 20, 25), 0)])
    draw.xml(root / "spare" / "p0.xml", (40, 30), [("cat", (1, 2, right, 25), 0)])
    dataset = voc(root, tmp_path)
    assert [one.truth.boxes.tolist() for one in dataset.records] == [[[1, 2, 20, 25]]] * 3
    assert [one.path for one in dataset.report] == ["images/p0.jpg"] * findings


def test_a_truncated_photo_is_reported_and_left_out(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", 5)
    draw.truncated(root / "JPEGImages" / "p1.jpg")
    dataset = voc(root, tmp_path)
    assert len(dataset.records) == 4
    assert "truncated" in about(dataset, "p1.jpg").what


def test_a_file_that_is_no_image_is_reported_and_left_out(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", 5)
    (root / "JPEGImages" / "p1.jpg").write_text("hello")
    assert about(voc(root, tmp_path), "p1.jpg").what == "not an image"


def test_photos_of_a_few_pixels_are_photos(tmp_path: Path) -> None:
    for number, size in enumerate([(1, 1), (7, 40), (40, 5), (9, 2)]):
        assert examined(draw.photo(tmp_path / f"{number}.jpg", size)).fault == ""


def test_a_missing_photo_is_reported_and_left_out(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", 5)
    (root / "JPEGImages" / "p1.jpg").unlink()
    finding = about(voc(root, tmp_path), "p1.jpg")
    assert (finding.what, finding.done) == ("missing image file", "photo left out")


@pytest.mark.parametrize(
    ("box", "what"),
    [
        ((5, 5, 5, 20), "zero-area or inside-out"),
        ((20, 5, 5, 20), "zero-area or inside-out"),
        ((50, 5, 60, 20), "outside the photo 40x30"),
        (("nan", 5, 60, 20), "is not a box"),
        (("a", 5, 60, 20), "is not four numbers"),
    ],
)
def test_a_box_that_is_none_is_reported_and_left_out(box: draw.Box, what: str, tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    draw.xml(root / "Annotations" / "p0.xml", (40, 30), [("cat", box, 0), ("cat", (1, 2, 3, 4), 0)])
    dataset = voc(root, tmp_path)
    (record,) = [one for one in dataset.records if one.name.endswith("p0.jpg")]
    np.testing.assert_array_equal(record.truth.boxes, [[1, 2, 3, 4]])
    (finding,) = dataset.report
    assert what in finding.what
    assert finding.done == "box left out"


@pytest.mark.parametrize(("right", "findings"), [(40.9, 0), (41, 1), (90, 1)])
def test_a_box_is_cut_to_the_photo_and_reported_from_one_pixel_on(right: float, findings: int, tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    draw.xml(root / "Annotations" / "p0.xml", (40, 30), [("cat", (30, 5, right, 20), 0)])
    dataset = voc(root, tmp_path)
    (record,) = [one for one in dataset.records if one.name.endswith("p0.jpg")]
    np.testing.assert_array_equal(record.truth.boxes, [[30, 5, 40, 20]])
    assert len(dataset.report) == findings


@pytest.mark.parametrize(
    ("orientation", "stated", "turn", "size"),
    [(6, (40, 30), 1, (40, 30)), (6, (30, 40), 6, (30, 40)), (8, (30, 40), 8, (30, 40))],
)
def test_a_photo_is_turned_as_its_annotation_means_it(
    orientation: int, stated: tuple[int, int], turn: int, size: tuple[int, int], tmp_path: Path
) -> None:
    root = draw.voc(tmp_path / "d")
    draw.turned(root / "JPEGImages" / "p0.jpg", orientation)
    draw.xml(root / "Annotations" / "p0.xml", stated, [("cat", (1, 2, 20, 25), 0)])
    dataset = voc(root, tmp_path)
    (record,) = [one for one in dataset.records if one.name.endswith("p0.jpg")]
    assert (record.rotate, (record.width, record.height)) == (turn, size)
    assert not len(dataset.report)


def test_a_photo_of_another_size_than_annotated_is_reported_and_left_out(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    draw.turned(root / "JPEGImages" / "p0.jpg", 6)
    draw.xml(root / "Annotations" / "p0.xml", (80, 60), [("cat", (1, 2, 20, 25), 0)])
    dataset = voc(root, tmp_path)
    assert len(dataset.records) == 3
    assert "annotated as 80x60, but stored as 40x30" in about(dataset, "p0.jpg").what


def test_a_turn_that_changes_no_size_is_reported_as_not_made(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    draw.turned(root / "JPEGImages" / "p0.jpg", 3)
    finding = about(voc(root, tmp_path), "p0.jpg")
    assert "EXIF orientation 3" in finding.what
    assert finding.done == "photo read as it is stored"


def test_the_same_photo_in_two_splits_is_reported(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", train=["p0", "p1"], val=["p2"], test=["p3"])
    shutil.copy(root / "JPEGImages" / "p0.jpg", root / "JPEGImages" / "p3.jpg")
    finding = about(voc(root, tmp_path), "p3.jpg")
    assert finding.what == "in test, the same photo as JPEGImages/p0.jpg in train"


def test_photos_in_no_split_are_counted_in_the_report(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", 6, train=["p0", "p1"], val=["p2"], test=["p3"])
    assert "2 annotated photos are in no split" in about(voc(root, tmp_path), ".").what


def test_the_digest_is_the_same_wherever_the_data_lie(tmp_path: Path) -> None:
    here = voc(draw.voc(tmp_path / "here"), tmp_path)
    there = voc(draw.voc(tmp_path / "far" / "there"), tmp_path / "far")
    assert here.digest == there.digest


@pytest.mark.parametrize("change", ["box", "ignore", "class", "pixels", "name"])
def test_the_digest_changes_with_whatever_is_learnt_from(change: str, tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", train=["p0", "p1"], val=["p2"], test=["p3"])
    before = voc(root, tmp_path).digest
    thing = {"box": ("cat", (1, 2, 21, 25), 0), "ignore": ("cat", (1, 2, 20, 25), 1)}
    if change == "pixels":
        draw.photo(root / "JPEGImages" / "p0.jpg", seed=99)
    elif change == "name":
        (root / "labels.txt").write_text("cat\ndog\n")
    else:
        draw.xml(root / "Annotations" / "p0.xml", (40, 30), [thing.get(change, ("dog", (1, 2, 20, 25), 0))])
    assert voc(root, tmp_path).digest != before


def test_another_seed_splits_otherwise_and_the_same_seed_alike(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", 20)
    first, again, other = (read(f"voc:{root}", cache=tmp_path, seed=seed) for seed in (0, 0, 1))
    assert first.digest == again.digest != other.digest


def test_image_facts_are_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfast_edge.data import facts

    root = draw.voc(tmp_path / "d")
    seen: list[str] = []
    examined = facts.examined
    monkeypatch.setattr(facts, "examined", lambda path: seen.append(path.name) or examined(path))
    voc(root, tmp_path)
    voc(root, tmp_path)
    draw.photo(root / "JPEGImages" / "p2.jpg", seed=77)
    voc(root, tmp_path)
    assert sorted(seen) == ["p0.jpg", "p1.jpg", "p2.jpg", "p2.jpg", "p3.jpg"]


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    before = voc(root, tmp_path).digest
    (tmp_path / "facts.json").write_text('{"version": 1, "fac')
    assert voc(root, tmp_path).digest == before
    assert json.loads((tmp_path / "facts.json").read_text())["version"] == 1


def test_a_cache_that_cannot_be_written_ends_the_work_with_advice(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    (tmp_path / "file").write_text("")
    with pytest.raises(Unfinished, match="another --out"):
        voc(root, tmp_path / "file")


def test_a_report_counts_what_it_does_not_show_and_writes_all(tmp_path: Path) -> None:
    report = Report(tuple(Finding(f"{number}.jpg", "broken", "left out") for number in range(5)))
    assert report.lines(2) == [
        "0.jpg: broken; left out",
        "1.jpg: broken; left out",
        "… and 3 more, all in the data report",
    ]
    report.write(tmp_path / "deep" / "report.json")
    rows = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert rows[4] == {"path": "4.jpg", "what": "broken", "done": "left out"}
