"""CrowdHuman: three kinds of boxes, what is ignored, lines that do not hold, photos that are not there."""

import json
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.data import crowdhuman
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from tests.data import draw


def person(**given: Any) -> dict[str, Any]:
    boxes = {"fbox": [-10, 2, 30, 60], "vbox": [0, 2, 20, 20], "hbox": [4, 3, 6, 5]}
    return {"tag": "person", **boxes, "head_attr": {"ignore": 0, "unsure": 0}, "extra": {"box_id": 0}, **given}


def crowd(root: Path, *persons: dict[str, Any], count: int = 4) -> Path:
    rows = []
    for number in range(count):
        draw.photo(root / "Images" / f"2,p{number}.jpg", seed=number)
        rows.append(json.dumps({"ID": f"2,p{number}", "gtboxes": list(persons)}))
    (root / "annotation.odgt").write_text("\n".join(rows))
    return root


@pytest.mark.parametrize(
    ("form", "box", "name"),
    [
        ("crowdhuman", [0, 2, 20, 30], "person"),
        ("crowdhuman-visible", [0, 2, 20, 22], "person"),
        ("crowdhuman-head", [4, 3, 10, 8], "head"),
    ],
)
def test_full_visible_or_head_boxes_are_read_and_full_ones_cut_to_the_photo(
    form: str, box: list[float], name: str, tmp_path: Path
) -> None:
    data = read(f"{form}:{crowd(tmp_path / 'd', person())}", cache=tmp_path)
    assert data.classes == (name,)
    assert [record.truth.boxes.tolist() for record in data.records] == [[box]] * 4
    cut = "person: box -10, 2, 20, 62 sticks out of 40x30"
    assert [one.what for one in data.report] == ([cut] * 4 if form == "crowdhuman" else [])


def test_masks_and_what_is_marked_are_ignored_and_unclear_heads_as_heads_only(tmp_path: Path) -> None:
    rows = [
        person(),
        person(tag="mask", extra={"ignore": 1}, head_attr={}),
        person(extra={"ignore": 1}),
        person(tag="mask"),
        person(head_attr={"ignore": 1}),
        person(head_attr={"unsure": 1}),
        person(extra=[1], head_attr="none"),
    ]
    root = crowd(tmp_path / "d", *rows)
    flags = {
        form: [thing.ignore for thing in getattr(crowdhuman, form)(root).drafts[0].things]
        for form in ("read", "visible", "heads")
    }
    body = [False, True, True, True, False, False, False]
    assert flags == {"read": body, "visible": body, "heads": [False, True, True, True, True, True, False]}


def test_lines_and_boxes_that_do_not_hold_are_reported(tmp_path: Path) -> None:
    root = crowd(tmp_path / "d", person(), person(fbox=[1, 2, 3]))
    with (root / "annotation.odgt").open("a") as file:
        file.write('\n{"ID": "x"}\n{broken\n')
    raw = crowdhuman.read(root)
    assert len(raw.drafts) == 4
    assert [one.what for one in raw.findings] == [
        *["person: fbox [1, 2, 3] is not four numbers"] * 4,
        "line 5 is not a JSON with `ID` and a list `gtboxes`",
        "line 6 is not a JSON with `ID` and a list `gtboxes`",
    ]


def test_files_named_after_splits_are_splits_and_photos_may_lie_deeper(tmp_path: Path) -> None:
    root = crowd(tmp_path, person())
    (root / "annotation.odgt").rename(root / "annotation_train.odgt")
    (root / "Images").rename(root / "CrowdHuman_train01")
    (root / "CrowdHuman_train01" / "Images").mkdir()
    for photo in list((root / "CrowdHuman_train01").glob("*.jpg")):
        photo.rename(root / "CrowdHuman_train01" / "Images" / photo.name)
    raw = crowdhuman.read(root)
    assert list(raw.splits) == ["train"]
    assert all(draft.path.is_file() for draft in raw.drafts)


def test_annotations_without_their_photos_are_refused_in_words(tmp_path: Path) -> None:
    root = crowd(tmp_path / "d", person())
    (root / "Images" / "2,p0.jpg").unlink()
    assert [one.what for one in read(f"crowdhuman-head:{root}", cache=tmp_path).report] == ["missing image file"]
    for photo in (root / "Images").glob("*.jpg"):
        photo.unlink()
    with pytest.raises(UserError, match=r"4 annotated photos are not there, the first being Images/2,p0\.jpg"):
        read(f"crowdhuman:{root}", cache=tmp_path)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \.odgt file"):
        crowdhuman.read(tmp_path)
