"""COCO instances: one JSON, or a folder with one JSON per split."""

import json
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfast_edge.data import files
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import Mask
from mfast_edge.errors import UserError

Json = dict[str, Any]
NEEDED = ("images", "annotations", "categories")
ID = int | float | str
NOT_NUMBERS = (TypeError, ValueError, OverflowError)  # what float() raises for anything in a JSON


def read(root: Path) -> Raw:
    """The photos and objects of the JSON `root`, or of all the instance files in the folder `root`.

    Categories become classes 0.. in the order of their ids. Raises UserError where no file is COCO, or its
    categories do not hold; a photo or an annotation that does not hold becomes a finding.
    """
    home = root if root.is_dir() else root.parent
    documents = {path: document for path in sources(root) if (document := loaded(path))}
    if not documents:
        raise UserError(f"data: {root}: no COCO JSON here; it has the lists {', '.join(NEEDED)}")
    names = categories(documents)
    drafts: list[Draft] = []
    findings: list[Finding] = []
    splits: dict[str, list[str]] = defaultdict(list)
    for path, document in documents.items():
        part = split_of(path, home)
        mine = Reader(path, home, names, findings).drafts(document)
        drafts += mine
        if part:
            splits[part] += [draft.name for draft in mine]
    kept = {part: tuple(found) for part, found in splits.items()} if root.is_dir() else {}
    return Raw(tuple(names.values()), tuple(drafts), kept, tuple(findings))


def sources(root: Path) -> list[Path]:
    """The JSON files to read: `root` itself, those of annotations/, of `root`, or one level down."""
    if root.is_file():
        return [root]
    places = (root.glob("annotations/*.json"), root.glob("*.json"), root.glob("*/*.json"))
    found = next((paths for place in places if (paths := sorted(place))), [])
    instances = [path for path in found if path.name.startswith("instances")]
    return instances or found  # the real COCO keeps captions and key points of the same photos beside them


def loaded(path: Path, needed: Sequence[str] = NEEDED) -> Json | None:
    """The file's JSON when it has COCO's lists; none when it is another kind of JSON."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"data: {path}: JSON that cannot be read ({error}); give a whole file") from None
    known = isinstance(document, dict) and all(isinstance(document.get(key), list) for key in needed)
    return document if known else None


def split_of(path: Path, home: Path) -> str | None:
    """The split that the file's name speaks of, or its folder's below `home`."""
    return files.split_word(path.stem) or (files.split_word(path.parent.name) if path.parent != home else None)


def categories(documents: Mapping[Path, Json]) -> dict[int, str]:
    """Category id → name over all files, in the order of the ids; UserError where a row or an id does not hold."""
    found: dict[int, str] = {}
    for path, document in documents.items():
        for place, row in enumerate(document["categories"]):
            number, name = (row.get("id"), row.get("name")) if isinstance(row, dict) else (None, None)
            if not isinstance(number, int) or not isinstance(name, str | int):
                raise UserError(f"data: {path}: categories[{place}] lacks a whole number `id` or a `name`; give both")
            if found.setdefault(number, str(name)) != str(name):
                both = f"{found[number]!r} and {name!r}"
                raise UserError(f"data: {path}: category {number} is {both}; give each category an id of its own")
    return dict(sorted(found.items()))


def numbers(path: Path) -> tuple[dict[str, Any], dict[int, str]]:
    """{photo's file name: its id} and {category's id: its name} of one COCO JSON, with annotations or without."""
    document = loaded(path, ("images", "categories"))
    if document is None:
        raise UserError(f"data: {path}: not COCO; a JSON with the lists images and categories would be right")
    rows = [row for row in document["images"] if isinstance(row, dict)]
    named = {row["file_name"]: row["id"] for row in rows if isinstance(row.get("file_name"), str) and "id" in row}
    return named, categories({path: document})


class Reader:
    """Reads one JSON; problems go to the findings that it was given."""

    def __init__(self, path: Path, home: Path, names: dict[int, str], findings: list[Finding]) -> None:
        self.home, self.names, self.findings = home, names, findings
        self.where = files.relative(path, home)
        self.order = {number: place for place, number in enumerate(names)}
        self.bases = bases(path, home)

    def drafts(self, document: Json) -> list[Draft]:
        """All photos of the file, each with its objects."""
        photos = self.photos(document["images"])
        things: dict[Any, list[Thing]] = {number: [] for number in photos}
        for place, row in enumerate(document["annotations"]):
            if not isinstance(row, dict):
                self.findings.append(Finding(self.where, f"annotations[{place}] is not an object", "box left out"))
            elif not isinstance(number := row.get("image_id"), ID) or number not in photos:
                self.note(row, f"photo {number} is not in the file")
            elif thing := self.thing(row):
                things[number].append(thing)
        return [self.draft(row, tuple(things[number])) for number, row in photos.items()]

    def photos(self, rows: list[Any]) -> dict[Any, Json]:
        """Id → row of the photos that have a file name and an id of their own; the others become findings."""
        found: dict[Any, Json] = {}
        for place, row in enumerate(rows):
            number, name = (row.get("id"), row.get("file_name")) if isinstance(row, dict) else (None, None)
            if isinstance(number, ID) and isinstance(name, str) and number not in found:
                found[number] = row
            else:
                what = f"images[{place}] lacks a `file_name` or an `id` of its own"
                self.findings.append(Finding(self.where, what, "photo left out"))
        return found

    def draft(self, row: Json, things: tuple[Thing, ...]) -> Draft:
        path = self.photo(row["file_name"])
        return Draft(files.relative(path, self.home), path, stated_size(row), things)

    def thing(self, row: Json) -> Thing | None:
        """The annotation as a thing; a box that is not four numbers becomes a finding."""
        try:
            x, y, width, height = (float(number) for number in row["bbox"])
        except (KeyError, *NOT_NUMBERS):
            self.note(row, f"bbox {row.get('bbox')} is not four numbers")
            return None
        number = row.get("category_id")
        kind = self.order.get(number, UNKNOWN) if isinstance(number, int) else UNKNOWN
        name = self.names[number] if isinstance(number, int) and kind != UNKNOWN else f"category {number}"
        ignore = bool(row.get("iscrowd") or row.get("ignore"))
        return Thing((x, y, x + width, y + height), kind, name, ignore, self.mask(row))

    def mask(self, row: Json) -> Mask:
        """The annotation's mask; one that does not hold becomes a finding, and its box is kept."""
        try:
            return mask(row.get("segmentation"))
        except NOT_NUMBERS:
            self.note(row, "segmentation is neither polygons nor an RLE", "mask left out")
            return None

    def note(self, row: Json, what: str, done: str = "box left out") -> None:
        self.findings.append(Finding(self.where, f"annotation {row.get('id')}: {what}", done))

    def photo(self, written: str) -> Path:
        """The photo, or the path where it was expected."""
        for written_as in (written, Path(written).name):
            for base in self.bases:
                if os.path.isfile(base / written_as):  # Path.is_file raises where a name is too long
                    return base / written_as
        return self.bases[0] / written


def stated_size(row: Json) -> tuple[int, int] | None:
    """(width, height) as the row states it; none when missing, 0 or not numbers."""
    width, height = row.get("width"), row.get("height")
    whole = isinstance(width, int | float) and isinstance(height, int | float)
    return (width, height) if whole and width and height else None


def bases(path: Path, home: Path) -> list[Path]:
    """Folders that may hold the photos of the JSON `path`, the likeliest first."""
    words = [path.stem.removeprefix("instances_")] + [word for word in (split_of(path, home),) if word]
    tops = list(dict.fromkeys((home, path.parent, home.parent)))
    inner = ["images", *words, *(f"images/{word}" for word in words), ""]
    found = [top / name for top in tops for name in inner if (top / name).is_dir()]
    return found or [home]


def mask(written: Any) -> Mask:
    """Polygons or an RLE as COCO writes them; none for an empty one. Raises NOT_NUMBERS for anything else."""
    if not written:
        return None
    if isinstance(written, dict) and {"size", "counts"} <= written.keys():
        return written
    if not isinstance(written, list) or not all(isinstance(ring, list) for ring in written):
        raise TypeError("not a list of polygons")
    rings = tuple(tuple(float(number) for number in ring) for ring in written if len(ring) >= 6)
    if not all(math.isfinite(number) for ring in rings for number in ring):
        raise ValueError("not finite")
    return rings or None
