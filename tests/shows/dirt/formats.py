"""Scenes as each format writes them, by hand and apart from the converter: it must not be its own judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mfast_edge.data.polygons import IDS
from tests.data import draw
from tests.shows.dirt.scenes import NOBODY, Mark, Photo, Scene

UNKNOWN = "horse"


@dataclass(frozen=True, slots=True)
class Format:
    """What a format calls the scene's classes, what it can say, and who writes it."""

    names: tuple[str, ...]
    says: frozenset[str]
    write: Callable[[Path, Scene], None]


def name(format_names: Sequence[str], kind: int) -> str:
    return UNKNOWN if kind == NOBODY else format_names[kind]


def photos(folder: Path, scene: Scene, suffix: str = "jpg") -> None:
    for number, photo in enumerate(scene.photos):
        if photo.there:
            draw.photo(folder / f"p{number}.{suffix}", photo.size, photo.seed)


def sheets(scene: Scene) -> list[tuple[int, Photo]]:
    return [(number, photo) for number, photo in enumerate(scene.photos) if photo.annotated]


def text(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def voc(root: Path, scene: Scene) -> None:
    photos(root / "JPEGImages", scene)
    for number, photo in sheets(scene):
        path = root / "Annotations" / f"p{number}.xml"
        draw.xml(path, photo.size, [(name(PETS, one.kind), one.box, int(one.hard)) for one in photo.marks])
        if scene.truncated:
            path.write_text(path.read_text().replace("<difficult>", "<truncated>1</truncated><difficult>"))
    text(root / "labels.txt", PETS)


def numbered(scene: Scene) -> tuple[list[str], list[int]]:
    """The names that a file lists and, for each kind, the number that its rows have."""
    if scene.coco:
        return [*PETS, *(f"c{number}" for number in range(2, 80))], [IDS[0], IDS[1]]
    return (list(PETS[::-1]), [1, 0]) if scene.turned else (list(PETS), [0, 1])


def coco(root: Path, scene: Scene) -> None:
    """Its category ids are its own business: they begin at 1, and have gaps where COCO's have."""
    names, numbers = numbered(scene)
    photos(root / "images", scene)
    ids = IDS if scene.coco else tuple(range(len(names)))
    images, rows = [], []
    for number, photo in sheets(scene):
        images.append({"id": number, "file_name": f"p{number}.jpg", "width": photo.size[0], "height": photo.size[1]})
        for one in photo.marks:
            x1, y1, x2, y2 = one.box
            kind = NOBODY if one.kind == NOBODY else numbers[one.kind]
            row = {"id": len(rows), "image_id": number, "category_id": kind, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            rows.append({**row, "area": (x2 - x1) * (y2 - y1), "iscrowd": int(one.hard)})
    categories = [{"id": id, "name": name} for id, name in zip(ids, names, strict=True)]
    document = {"images": images, "annotations": rows, "categories": categories}
    text(root / "annotations" / "instances.json", [json.dumps(document)])


def yolo(root: Path, scene: Scene, outlined: bool = False) -> None:
    names, numbers = numbered(scene)
    photos(root / "images", scene)
    for number, photo in sheets(scene):
        (wide, high) = photo.size
        lines = []
        for one in photo.marks:
            x1, y1, x2, y2 = one.box[0] / wide, one.box[1] / high, one.box[2] / wide, one.box[3] / high
            box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
            sides = [x1, y1, x2, y1, x2, y2, x1, y2] if outlined else box
            kind = NOBODY if one.kind == NOBODY else numbers[one.kind]
            lines.append(" ".join(map(repr, [kind, *sides])))
        if scene.coco and number == 0:  # a number that no list of 80 names has
            sides = [0.6, 0.1, 0.9, 0.1, 0.9, 0.8] if outlined else [0.7, 0.4, 0.2, 0.2]
            lines.append(" ".join(map(repr, [IDS[-1], *sides])))
        text(root / "labels" / f"p{number}.txt", lines)
    text(root / "data.yaml", [f"names: {json.dumps(names)}"])


def kitti(root: Path, scene: Scene) -> None:
    photos(root / "training" / "image_2", scene, "png")
    for number, photo in sheets(scene):
        lines = []
        for one in photo.marks:
            first = (
                "DontCare -1 -1 -10" if one.anything else f"{name(ROAD, one.kind)} {0.9 * scene.truncated:.2f} 0 1.85"
            )
            lines.append(f"{first} {' '.join(map(repr, one.box))} -1 -1 -1 -1000 -1000 -1000 -10")
        text(root / "training" / "label_2" / f"p{number}.txt", lines)


def crowdhuman(root: Path, scene: Scene) -> None:
    photos(root / "Images", scene)
    lines = []
    for number, photo in sheets(scene):
        rows = [person(one) for one in photo.marks]
        lines.append(json.dumps({"ID": f"p{number}", "gtboxes": rows}))
    text(root / "annotation.odgt", lines)


def person(one: Mark) -> dict[str, Any]:
    x1, y1, x2, y2 = one.box
    boxes = {kind: [x1, y1, x2 - x1, y2 - y1] for kind in ("fbox", "vbox", "hbox")}
    tag = "mask" if one.anything else "person"
    return {"tag": tag, **boxes, "extra": {"ignore": int(one.hard or one.anything)}, "head_attr": {}}


def livestock(root: Path, scene: Scene) -> None:
    """The class of all that is on a photo is in its name."""
    for number, photo in enumerate(scene.photos):
        stem = f"p{number}_{name(FARM, photo.marks[-1].kind)}"
        if photo.there:
            draw.photo(root / "images" / f"{stem}.jpg", photo.size, photo.seed)
        if photo.annotated:
            image = {"width": photo.size[0], "height": photo.size[1]}
            rows = [{"category_id": 1, "bbox": list(one.box)} for one in photo.marks]
            label = {"label_info": {"image": image, "annotations": rows}}
            text(root / "labels" / f"{stem}.json", [json.dumps(label)])


def folders(root: Path, scene: Scene) -> None:
    for number, photo in enumerate(scene.photos):
        place = root / PETS[photo.marks[0].kind] if photo.annotated else root
        draw.photo(place / f"p{number}.jpg", photo.size, photo.seed)


PETS, ROAD, FARM = ("cat", "dog"), ("Car", "Pedestrian"), ("pig", "cow")
BASE = "boxes apart corners"
CROWD = frozenset(f"{BASE} hard region".split())
FORMATS = {
    "voc": Format(PETS, frozenset(f"{BASE} two classes hard truncated".split()), voc),
    "coco": Format(PETS, frozenset(f"{BASE} two classes hard numbers".split()), coco),
    "yolo": Format(PETS, frozenset(f"{BASE} two classes numbers".split()), yolo),
    "polygons": Format(PETS, frozenset(["boxes", "apart", "two", "classes", "numbers"]), partial(yolo, outlined=True)),
    "kitti": Format(ROAD, frozenset(f"{BASE} two classes region truncated".split()), kitti),
    "crowdhuman": Format(("person",), CROWD, crowdhuman),
    "crowdhuman-visible": Format(("person",), CROWD, crowdhuman),
    "crowdhuman-head": Format(("head",), CROWD, crowdhuman),
    "livestock": Format(FARM, frozenset(f"{BASE} two classes".split()), livestock),
    "folders": Format(PETS, frozenset({"two"}), folders),
}
