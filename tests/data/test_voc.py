"""Pascal VOC: lists, difficult objects, class names, files that are something else."""

from pathlib import Path

import pytest

from mfast_edge.data import voc
from mfast_edge.data.index import read
from tests.data import draw


def test_the_image_sets_are_honoured_and_those_of_single_classes_are_not_read(tmp_path: Path) -> None:
    lists = {"train": ["p0", "p1"], "val": ["p2"], "test": ["p3"], "cat_train": ["p3 1"]}
    raw = voc.read(draw.voc(tmp_path, **lists))
    assert raw.splits == {
        "train": ("JPEGImages/p0.jpg", "JPEGImages/p1.jpg"),
        "val": ("JPEGImages/p2.jpg",),
        "test": ("JPEGImages/p3.jpg",),
    }


def test_a_difficult_object_is_ignored_but_kept(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", 3)
    draw.xml(root / "Annotations" / "p0.xml", (40, 30), [("cat", (1, 2, 20, 25), 1), ("dog", (3, 3, 9, 9), 0)])
    dataset = read(f"voc:{root}", cache=tmp_path)
    (record,) = [one for one in dataset.records if one.name.endswith("p0.jpg")]
    assert dataset.classes == ("cat", "dog")
    assert record.truth.ignore.tolist() == [True, False]
    assert record.truth.classes.tolist() == [0, 1]


def test_a_labels_file_decides_the_classes_and_other_names_are_unknown(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d", 3)
    (root / "labels.txt").write_text("zebra\ncat\n")
    draw.xml(root / "Annotations" / "p0.xml", (40, 30), [("cat", (1, 2, 20, 25), 0), ("cow", (3, 3, 9, 9), 0)])
    dataset = read(f"voc:{root}", cache=tmp_path)
    assert dataset.classes == ("zebra", "cat")
    assert {int(kind) for one in dataset.records for kind in one.truth.classes} == {1}
    assert [str(one) for one in dataset.report] == ["JPEGImages/p0.jpg: cow: unknown class; box left out"]


def test_xml_that_is_broken_or_not_voc_is_reported(tmp_path: Path) -> None:
    root = draw.voc(tmp_path)
    (root / "Annotations" / "p1.xml").write_text("<annotation><object>")
    (root / "Annotations" / "p2.xml").write_text("<html/>")
    bomb = '<!DOCTYPE a [<!ENTITY b "cc">]><annotation>&b;</annotation>'
    (root / "Annotations" / "p3.xml").write_text(bomb)
    raw = voc.read(root)
    assert [draft.name for draft in raw.drafts] == ["JPEGImages/p0.jpg"]
    assert [one.path for one in raw.findings[:3]] == [f"Annotations/p{n}.xml" for n in (1, 2, 3)]


def test_a_listed_photo_without_xml_and_a_photo_that_no_xml_names_are_reported(tmp_path: Path) -> None:
    root = draw.voc(tmp_path, train=["p0", "p1", "p9"], val=["p2"], test=["p3"])
    draw.photo(root / "JPEGImages" / "lonely.jpg")
    found = [str(one) for one in voc.read(root).findings]
    assert found == [
        "JPEGImages: 1 photos have no XML, the first being lonely.jpg; left out",
        "ImageSets/Main/train.txt: p9 has no readable XML; photo left out",
    ]


def test_photos_are_found_in_a_folder_beside_xml_of_any_name(tmp_path: Path) -> None:
    photo = draw.photo(tmp_path / "images" / "a.png")
    draw.xml(tmp_path / "marks" / "a.xml", (40, 30), [("cat", (1, 2, 3, 4), 0)])
    (draft,) = voc.read(tmp_path / "marks").drafts
    assert draft.name == "../images/a.png"
    assert draft.path.samefile(photo)


def test_the_file_name_in_the_xml_helps_where_its_own_does_not(tmp_path: Path) -> None:
    photo = draw.photo(tmp_path / "a.jpg")
    draw.xml(tmp_path / "a.xml", (40, 30), []).rename(tmp_path / "label-17.xml")
    (draft,) = voc.read(tmp_path).drafts
    assert draft.path == photo


def test_a_stated_size_of_zero_is_no_size(tmp_path: Path) -> None:
    draw.photo(tmp_path / "a.jpg")
    draw.xml(tmp_path / "a.xml", (0, 0), [])
    (draft,) = voc.read(tmp_path).drafts
    assert draft.size is None


@pytest.mark.parametrize(
    "text",
    [
        b'<?xml version="1.0" encoding="utf-99"?><annotation/>',
        b'<?xml version="1.0" encoding="utf-32"?><annotation/>',
        b"<annotation>\xff</annotation>",
        b"",
    ],
)
def test_xml_that_cannot_be_decoded_is_reported(text: bytes, tmp_path: Path) -> None:
    root = draw.voc(tmp_path, 2)
    (root / "Annotations" / "p1.xml").write_bytes(text)
    raw = voc.read(root)
    assert [draft.name for draft in raw.drafts] == ["JPEGImages/p0.jpg"]
    assert raw.findings[0].path == "Annotations/p1.xml"


def test_a_stated_size_without_end_is_no_size(tmp_path: Path) -> None:
    path = draw.xml(tmp_path / "a.xml", (40, 30), [])
    path.write_text(path.read_text().replace("40", "inf"))
    (draft,) = voc.read(tmp_path).drafts
    assert draft.size is None


def folders(root: Path) -> Path:
    """The photos a/0001.jpg and b/0001.jpg, each with its XML beside it."""
    for seed, name in enumerate("ab"):
        draw.photo(root / name / "0001.jpg", seed=seed)
        draw.xml(root / name / "0001.xml", (40, 30), [("cat", (1, 2, 3, 4), 0)])
    return root


def test_photos_of_one_name_in_two_folders_are_two_photos(tmp_path: Path) -> None:
    assert [draft.name for draft in voc.read(folders(tmp_path)).drafts] == ["a/0001.jpg", "b/0001.jpg"]


def test_a_list_tells_them_apart_by_folder_and_a_bare_name_is_reported(tmp_path: Path) -> None:
    path = folders(tmp_path) / "ImageSets" / "Main" / "train.txt"
    path.parent.mkdir(parents=True)
    path.write_text("b/0001\n0001\n")
    raw = voc.read(tmp_path)
    assert raw.splits == {"train": ("b/0001.jpg",)}
    assert [str(one) for one in raw.findings] == ["ImageSets/Main/train.txt: 0001 means 2 photos; photo left out"]
