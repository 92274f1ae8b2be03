"""Class maps: how they are spelt, what they do to objects and labels, what is refused."""

from pathlib import Path

import pytest

from mfast_edge.data.classes import ClassMap, parse
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.mapped import candid, mapped, united
from mfast_edge.data.sample import ANY
from mfast_edge.errors import UserError
from mfast_edge.settings import names

BOX = (1.0, 2.0, 20.0, 25.0)


def raw(classes: tuple[str, ...], *kinds: int, labels: tuple[int, ...] = ()) -> Raw:
    """One photo with an object of each of `kinds`."""
    label = {ANY: "DontCare", UNKNOWN: "what"}
    things = tuple(Thing(BOX, kind, label.get(kind, classes[kind]), ignore=kind == ANY) for kind in kinds)
    return Raw(classes, (Draft("a.jpg", Path("a.jpg"), None, things, labels),), {"train": ("a.jpg",)})


def told(data: Raw) -> list[tuple[str, bool]]:
    """(class, ignored) of each object."""
    words = {ANY: "any", UNKNOWN: "unknown"}
    things = (thing for draft in data.drafts for thing in draft.things)
    return [(words.get(thing.kind, "") or data.classes[thing.kind], thing.ignore) for thing in things]


def after(data: Raw, text: str | ClassMap) -> Raw:
    return mapped([data], parse(text) if isinstance(text, str) else text)[0]


def test_a_typed_map_renames_merges_and_drops() -> None:
    data = raw(("car", "Van", "dog", "cat"), 0, 1, 2, 3)
    new = after(data, "vehicle=car+van,cat")
    assert new.classes == ("vehicle", "cat")
    assert told(new) == [("vehicle", False), ("vehicle", False), ("cat", False)]
    assert [one.what for one in new.findings] == ["--classes: 1 objects of classes that it drops: dog"]


def test_a_star_keeps_all_others_and_is_all_others_where_something_becomes_of_it() -> None:
    data = raw(("car", "Van", "dog"), 0, 1, 2)
    assert after(data, "car=van,*").classes == ("car", "dog")
    assert told(after(data, "car=van,*")) == [("car", False), ("car", False), ("dog", False)]
    assert told(after(data, "animal=dog,thing=*")) == [("thing", False), ("thing", False), ("animal", False)]


def test_the_three_classes_of_kitti_forgive_vans_and_sitting_persons() -> None:
    data = raw(("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist"), 0, 1, 2, 3, 4, 5, ANY)
    new = after(data, "kitti")
    assert new.classes == ("Car", "Pedestrian", "Cyclist")
    found = [("Car", False), ("Car", True), ("Pedestrian", False), ("Pedestrian", True), ("Cyclist", False)]
    assert told(new) == [*found, ("any", True)]


@pytest.mark.parametrize("name", names("classes"))
def test_a_map_that_travels_along_can_be_read(name: str) -> None:
    assert parse(name).classes
    assert parse(name).title


def test_others_can_be_ignored_whatever_they_are() -> None:
    rule = ClassMap(classes={"car": ("car",)}, ignore={"*": ("van",)}, others="ignore")
    assert told(after(raw(("car", "van", "dog"), 0, 1, 2, UNKNOWN), rule)) == [
        ("car", False),
        ("any", True),
        ("any", True),
        ("unknown", False),
    ]


def test_a_yaml_file_is_a_map_and_a_class_that_nothing_becomes_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("classes: {car: , boat: [ship, 7]}\nothers: drop\n")
    rule = parse(str(tmp_path / "mine.yaml"))
    assert (rule.name, rule.classes) == ("mine", {"car": ("car",), "boat": ("ship", "7")})
    new = after(raw(("Car",), 0), rule)
    assert new.classes == ("car",)
    assert [str(one) for one in new.findings] == [".: --classes: no class of the data becomes boat; class left out"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("person=", "a class map such as person=man"),
        ("=man", "a class map such as person=man"),
        ("a,a=b", "a class map such as person=man"),
        ("a=x,b=X", "'X' becomes a and becomes b; each name once"),
        ("nowhere.yaml", "cannot be read"),
    ],
)
def test_a_map_that_does_not_hold_is_refused(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("classes: {car: car}\nignore: {bus: [van]}", "'bus' is none of its classes"),
        ("classes: {car: car}\nignore: {car: [Car]}", "'Car' becomes car and is ignored as car"),
        ("classes: [car]", "classes"),
        ("classes: {car: car}\nothers: hide", "others"),
    ],
)
def test_a_file_that_is_no_map_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(UserError, match=says):
        parse(str(tmp_path / "m.yaml"))


def test_a_map_that_leaves_no_class_is_refused() -> None:
    with pytest.raises(UserError, match="nothing becomes boat; the data have car"):
        after(raw(("car",), 0), "boat")


def test_a_photo_whose_label_is_dropped_goes_and_its_place_in_the_splits_too() -> None:
    data = raw(("paper", "glass"), labels=(1,))
    new = after(data, "paper")
    assert (new.drafts, new.splits) == ((), {"train": ()})
    assert "1 photos labelled as a whole" in new.findings[0].what
    assert after(data, "waste=paper+glass").drafts[0].labels == (0,)


def test_the_union_is_by_name_and_says_what_was_written_otherwise_and_what_nobody_marked() -> None:
    one, other = raw(("cat", "Dining_Table"), 0, 1), raw(("dog", "dining table"), 0, 1)
    new = [
        candid(data, own, None) for data, own in zip(united([one, other]), (one.classes, other.classes), strict=True)
    ]
    assert [data.classes for data in new] == [("cat", "Dining_Table", "dog")] * 2
    assert told(new[1]) == [("dog", False), ("Dining_Table", False)]
    assert [one.what for one in new[0].findings] == ["dog not annotated here, but in another source"]
    assert [one.what for one in new[1].findings] == [
        "classes written otherwise than before: dining table is Dining_Table",
        "cat not annotated here, but in another source",
    ]
