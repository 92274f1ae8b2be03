"""YOLO: one text file per photo, a row `class x y width height` per object, in fractions of the photo.

Two layouts: darknet (obj.data names the classes and the lists of photos) and Ultralytics (a YAML, folders
images/ and labels/). A photo without a label file is a background photo.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mfast_edge.data import files
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding
from mfast_edge.errors import UserError

LISTS = {  # key of the YAML or .data → split
    "train": "train",
    "trainval": "trainval",
    "val": "val",
    "valid": "val",
    "test": "test",
}
NOT_LABELS = {"classes.txt", "labels.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt"}
MOST = 100_000  # class numbers; a larger one is a slip that would fill the memory
ALL = ""  # the split of photos that no list or folder puts into one


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo and its label file; none: a background photo."""

    photo: Path
    label: Path | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Class names, and the photos of each split."""

    names: tuple[str, ...]
    parts: Mapping[str, list[Pair]]
    findings: tuple[Finding, ...] = ()


def read(root: Path) -> Raw:
    """The photos and objects of the folder `root`; boxes stay fractions of the photo."""
    layout = arranged(root)
    findings = list(layout.findings)
    parts = {
        part: [draft(pair, root, layout.names, findings) for pair in pairs] for part, pairs in layout.parts.items()
    }
    every = [pair for pairs in layout.parts.values() for pair in pairs]
    findings += [*backgrounds(every, root), *orphans(every, root)]
    return raw(layout.names, parts, findings)


def arranged(root: Path) -> Layout:
    """The layout of the folder `root`. UserError for a file."""
    if not root.is_dir():
        raise UserError(f"data: yolo:{root}: a file; give the folder that holds the photos and labels")
    return darknet(root) or ultralytics(root)


def raw(names: tuple[str, ...], parts: Mapping[str, list[Draft]], findings: list[Finding]) -> Raw:
    """The drafts of all parts, and the splits among them."""
    drafts = {one.name: one for mine in parts.values() for one in mine}
    splits = {part: tuple(dict.fromkeys(one.name for one in mine)) for part, mine in parts.items() if part != ALL}
    return Raw(names, tuple(drafts.values()), splits, tuple(findings), relative=True)


def darknet(root: Path) -> Layout | None:
    """The layout that a .data file in `root` describes; none without one."""
    path = next((path for path in sorted(root.glob("*.data")) if path.is_file()), None)
    if path is None:
        return None
    keys = dict(row.replace(" ", "").split("=", 1) for row in files.lines(path) if "=" in row)
    names = files.near(root, keys["names"]) if "names" in keys else None
    parts, findings = entries(root, keys, files.relative(path, root))
    classes = tuple(files.lines(names)) if names and names.is_file() else files.class_names(root)
    return Layout(classes, parts, findings)


def ultralytics(root: Path) -> Layout:
    """The layout of a YAML in `root` where its paths exist here, else of images/, else of `root` itself."""
    path, settings = described(root)
    base = files.near(root, str(settings.get("path", "."))) or root
    parts, findings = entries(base, settings, files.relative(path, root)) if path else ({}, ())
    if not parts:
        parts = folders(root / "images" if (root / "images").is_dir() else root)
    names = class_list(settings.get("names"), path or root)
    return Layout(names or files.class_names(root), parts, findings)


def described(root: Path) -> tuple[Path | None, dict[str, Any]]:
    """The first YAML of `root` that names classes, and what it says."""
    for path in sorted([*root.glob("*.yaml"), *root.glob("*.yml")]):
        try:
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, ValueError, RecursionError):
            raise UserError(f"data: {path}: YAML that cannot be read; `names:` and paths expected") from None
        if isinstance(settings, dict) and "names" in settings:
            return path, settings
    return None, {}


def class_list(written: Any, path: Path) -> tuple[str, ...]:
    """The names that the YAML `path` gives: a list, a mapping number → name, or a file with one name per line.

    A number without a name is its own name. Raises UserError for anything else.
    """
    if isinstance(written, dict) and all(str(number).isdecimal() and int(number) < MOST for number in written):
        named = {int(number): str(name) for number, name in written.items()}
        return tuple(named.get(number, str(number)) for number in range(max(named, default=-1) + 1))
    if isinstance(written, str) and (place := files.near(path.parent, written)) and place.is_file():
        return tuple(files.lines(place))
    if isinstance(written, list | None):
        return tuple(str(name) for name in written or ())
    raise UserError(f"data: {path}: names: {shown(written)}; give a list, a file, or a mapping 0: name, 1: name")


def shown(value: Any) -> str:
    """`value` as a message can hold it."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def entries(base: Path, keys: Mapping[str, Any], where: str) -> tuple[dict[str, list[Pair]], tuple[Finding, ...]]:
    """The splits that `keys` points at: folders or lists of photos; one that does not exist is a finding."""
    parts: dict[str, list[Pair]] = {}
    findings = []
    for key, part in LISTS.items():
        written = keys.get(key) or []
        for text in written if isinstance(written, list) else [written]:
            place = files.near(base, str(text))
            if place is None:
                what = f"{key}: {text} does not exist here"
                findings.append(Finding(where, what, "entry left out"))
            else:
                parts.setdefault(part, []).extend(pairs_of(place, base))
    return parts, tuple(findings)


def pairs_of(place: Path, base: Path) -> list[Pair]:
    """The photos of a folder (and those below), or of a list of paths."""
    if place.is_dir():
        return [Pair(photo, label_of(photo)) for photo in below(place)]
    return [listed(text, base) for text in files.lines(place)]


def listed(text: str, base: Path) -> Pair:
    """The photo that a line of a list means, also in ../images, and its label file near either."""
    aside = base.parent / "images" / Path(text).name
    photo = files.near(base, text) or (aside if os.path.isfile(aside) else base / text)
    return Pair(photo, label_of(photo) or files.near(base, str(twin(Path(text)))))


def folders(home: Path) -> dict[str, list[Pair]]:
    """The photos of `home` by the split that a folder of it is named after, else all of them together."""
    parts: dict[str, list[Pair]] = {}
    for folder in sorted(path for path in home.iterdir() if path.is_dir()):
        part = files.split_word(folder.name)
        if part and (mine := pairs_of(folder, home)):
            parts.setdefault(part, []).extend(mine)
    return parts or {ALL: pairs_of(home, home)}


def below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in files.SUFFIXES)


def label_of(photo: Path) -> Path | None:
    """The label file of a photo: in the twin folder labels/, or beside it."""
    parts = list(photo.parts)
    places = [twin(photo)]
    if "images" in parts[:-1]:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
        places.insert(0, twin(Path(*parts)))
    return next((path for path in places if os.path.isfile(path)), None)


def twin(photo: Path) -> Path:
    """The text file named as the photo; unlike with_suffix also for a path without a name."""
    return photo.parent / f"{photo.stem}.txt"


def draft(pair: Pair, root: Path, names: tuple[str, ...], findings: list[Finding]) -> Draft:
    rows = files.lines(pair.label) if pair.label else []
    where = files.relative(pair.label, root) if pair.label else ""
    things = tuple(objects(rows, names, where, findings))
    return Draft(files.relative(pair.photo, root), pair.photo, None, things)


def objects(rows: list[str], names: tuple[str, ...], where: str, findings: list[Finding]) -> Iterable[Thing]:
    """The objects of one label file; a row that is not five numbers becomes a finding."""
    for number, row in enumerate(rows, 1):
        try:
            kind, x, y, width, height = (float(text) for text in row.split())
        except ValueError:
            what = f"row {number} is not `class x y width height`"
            findings.append(Finding(where, what, "box left out"))
            continue
        known = kind.is_integer() and 0 <= kind < len(names)
        label = names[int(kind)] if known else f"class {kind:g}"
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        yield Thing(box, int(kind) if known else UNKNOWN, label)


def backgrounds(pairs: list[Pair], root: Path) -> list[Finding]:
    """One finding that counts the photos without a label file."""
    bare = [pair.photo for pair in pairs if pair.label is None and os.path.isfile(pair.photo)]
    if not bare:
        return []
    first = files.relative(bare[0], root)
    what = f"{len(bare)} photos have no label file, the first being {first}"
    return [Finding(".", what, "taken as background photos")]


def orphans(pairs: list[Pair], root: Path) -> list[Finding]:
    """A finding for every label file, beside those that are used, that belongs to no photo."""
    used = {pair.label for pair in pairs if pair.label}
    texts = {path for folder in {label.parent for label in used} for path in folder.glob("*.txt")}
    lonely = sorted(path for path in texts - used if path.name.lower() not in NOT_LABELS)
    return [Finding(files.relative(path, root), "no photo for this label file", "left out") for path in lonely]
