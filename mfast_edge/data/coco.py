"""COCO instances: one JSON, or a folder with one JSON per split."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mfast_edge.data import files
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import Mask
from mfast_edge.errors import UserError

Json = dict[str, Any]
NEEDED = ("images", "annotations", "categories")


def read(root: Path) -> Raw:
    """The photos and objects of the JSON `root`, or of all the instance files in the folder `root`.

    Categories become classes 0.. in the order of their ids. Raises UserError where no file is COCO.
    """
    home = root if root.is_dir() else root.parent
    documents = {path: document for path in sources(root) if (document := loaded(path))}
    if not documents:
        raise UserError(f"data: {root}: no COCO JSON here; it has the lists {', '.join(NEEDED)}")
    names = categories(documents.values())
    drafts: dict[str, Draft] = {}
    findings: list[Finding] = []
    splits: dict[str, list[str]] = defaultdict(list)
    for path, document in documents.items():
        part = split_of(path, home)
        mine = Reader(path, home, names, findings).drafts(document)
        drafts |= {draft.name: draft for draft in mine}
        if part:
            splits[part] += [draft.name for draft in mine]
    kept = {part: tuple(found) for part, found in splits.items()} if root.is_dir() else {}
    return Raw(tuple(names.values()), tuple(drafts.values()), kept, tuple(findings))


def sources(root: Path) -> list[Path]:
    """The JSON files to read: `root` itself, those of annotations/, of `root`, or one level down."""
    if root.is_file():
        return [root]
    places = (root.glob("annotations/*.json"), root.glob("*.json"), root.glob("*/*.json"))
    found = next((paths for place in places if (paths := sorted(place))), [])
    instances = [path for path in found if path.name.startswith("instances")]
    return instances or found  # the real COCO keeps captions and key points of the same photos beside them


def loaded(path: Path) -> Json | None:
    """The file's JSON when it is COCO's; none when it is another kind of JSON."""
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"data: {path}: JSON that cannot be read ({error}); give a whole file") from None
    known = isinstance(document, dict) and all(isinstance(document.get(key), list) for key in NEEDED)
    return document if known else None


def split_of(path: Path, home: Path) -> str | None:
    """The split that the file's name speaks of, or its folder's below `home`."""
    return files.split_word(path.stem) or (files.split_word(path.parent.name) if path.parent != home else None)


def categories(documents: Iterable[Json]) -> dict[int, str]:
    """Category id → name over all files, in the order of the ids."""
    pairs = {row["id"]: str(row["name"]) for document in documents for row in document["categories"]}
    return dict(sorted(pairs.items()))


class Reader:
    """Reads one JSON; problems go to the findings that it was given."""

    def __init__(self, path: Path, home: Path, names: dict[int, str], findings: list[Finding]) -> None:
        self.home, self.names, self.findings = home, names, findings
        self.where = files.relative(path, home)
        self.order = {number: place for place, number in enumerate(names)}
        self.bases = bases(path, home)

    def drafts(self, document: Json) -> list[Draft]:
        """All photos of the file, each with its objects."""
        rows: dict[Any, list[Thing]] = {row["id"]: [] for row in document["images"]}
        for row in document["annotations"]:
            thing = self.thing(row)
            if row.get("image_id") not in rows:
                self.note(row, f"photo {row.get('image_id')} is not in the file")
            elif thing:
                rows[row["image_id"]].append(thing)
        return [self.draft(row, tuple(rows[row["id"]])) for row in document["images"]]

    def draft(self, row: Json, things: tuple[Thing, ...]) -> Draft:
        path = self.photo(str(row["file_name"]))
        size = (row["width"], row["height"]) if row.get("width") and row.get("height") else None
        return Draft(files.relative(path, self.home), path, size, things)

    def thing(self, row: Json) -> Thing | None:
        """The annotation as a thing; a box that is not four numbers becomes a finding."""
        try:
            x, y, width, height = (float(number) for number in row["bbox"])
        except (KeyError, TypeError, ValueError):
            self.note(row, f"bbox {row.get('bbox')} is not four numbers")
            return None
        number = row.get("category_id")
        kind = self.order.get(number, UNKNOWN) if isinstance(number, int) else UNKNOWN
        name = self.names[number] if isinstance(number, int) and kind != UNKNOWN else f"category {number}"
        ignore = bool(row.get("iscrowd") or row.get("ignore"))
        return Thing((x, y, x + width, y + height), kind, name, ignore, mask(row.get("segmentation")))

    def note(self, row: Json, what: str) -> None:
        self.findings.append(Finding(self.where, f"annotation {row.get('id')}: {what}", "box left out"))

    def photo(self, written: str) -> Path:
        """The photo, or the path where it was expected."""
        for written_as in (written, Path(written).name):
            for base in self.bases:
                if (base / written_as).is_file():
                    return base / written_as
        return self.bases[0] / written


def bases(path: Path, home: Path) -> list[Path]:
    """Folders that may hold the photos of the JSON `path`, the likeliest first."""
    words = [path.stem.removeprefix("instances_")] + [word for word in (split_of(path, home),) if word]
    tops = list(dict.fromkeys((home, path.parent, home.parent)))
    inner = ["images", *words, *(f"images/{word}" for word in words), ""]
    found = [top / name for top in tops for name in inner if (top / name).is_dir()]
    return found or [home]


def mask(written: Any) -> Mask:
    """Polygons or an RLE as COCO writes them; none for an empty or broken one."""
    if isinstance(written, dict) and {"size", "counts"} <= written.keys():
        return written
    if not isinstance(written, list) or not all(isinstance(ring, list) for ring in written):
        return None
    rings = tuple(tuple(float(number) for number in ring) for ring in written if len(ring) >= 6)
    finite = all(math.isfinite(number) for ring in rings for number in ring)
    return rings if rings and finite else None
