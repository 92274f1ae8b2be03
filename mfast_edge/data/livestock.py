"""AI Hub's livestock: a JSON per photo, whose class is in the file's name and nowhere else.

`label_info.image` states the photo's size, `label_info.annotations[].bbox` is x1 y1 x2 y2 in its pixels; the
category ids in it are unreliable, so a cow is what has `cow` in its file name, a pig what has `pig`.
"""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from mfast_edge.data import files
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding
from mfast_edge.errors import UserError

CLASSES = ("pig", "cow")
Json = dict[str, Any]


def read(root: Path) -> Raw:
    """The photos that a JSON below the folder `root` speaks of; splits by the names of the folders below it.

    A JSON without annotations is a photo without animals. Raises UserError for a file.
    """
    if not root.is_dir():
        raise UserError(f"data: livestock:{root}: a file; give the folder that holds the JSON files and the photos")
    photos = {path.stem: path for path in sorted(root.rglob("*")) if path.suffix.lower() in files.SUFFIXES}
    findings: list[Finding] = []
    drafts: list[Draft] = []
    splits: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.json")):
        where = files.relative(path, root)
        label = loaded(path)
        if label is None:
            findings.append(Finding(where, "not a JSON with `label_info.annotations`", "file left out"))
            continue
        photo = photos.pop(path.stem, path.with_suffix(".jpg"))
        one = Draft(files.relative(photo, root), photo, size(label), things(label, path.stem, where, findings))
        drafts.append(one)
        if part := split_of(path, root):
            splits[part].append(one.name)
    if photos:
        what = f"{len(photos)} photos have no JSON, the first being {files.relative(min(photos.values()), root)}"
        findings.append(Finding(".", what, "left out"))
    return Raw(CLASSES, tuple(drafts), {part: tuple(names) for part, names in splits.items()}, tuple(findings))


def loaded(path: Path) -> Json | None:
    """What `label_info` holds; none where the file is something else."""
    try:
        label = json.loads(path.read_bytes())["label_info"]
        return label if isinstance(label["annotations"], list) else None
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def size(label: Json) -> tuple[int, int] | None:
    """(width, height) as stated; none when missing or not numbers."""
    image = label.get("image")
    stated = [image.get(side) for side in ("width", "height")] if isinstance(image, dict) else []
    whole = [int(side) for side in stated if isinstance(side, int | float) and 0 < side < math.inf]
    return (whole[0], whole[1]) if len(whole) == 2 else None


def things(label: Json, stem: str, where: str, findings: list[Finding]) -> tuple[Thing, ...]:
    """The animals of one photo; a box that is not four numbers becomes a finding."""
    kind = kind_of(stem)
    name = CLASSES[kind] if kind != UNKNOWN else f"neither pig nor cow in the name {stem}"
    found = []
    for row in label["annotations"]:
        box = row.get("bbox") if isinstance(row, dict) else None
        try:
            x1, y1, x2, y2 = (float(side) for side in box)  # type: ignore[union-attr]
        except (TypeError, ValueError, OverflowError):
            findings.append(Finding(where, f"{name}: bbox {box} is not four numbers", "box left out"))
            continue
        found.append(Thing((x1, y1, x2, y2), kind, name))
    return tuple(found)


def kind_of(stem: str) -> int:
    """The class by the file's name."""
    word = stem.lower()
    return next((CLASSES.index(name) for name in ("cow", "pig") if name in word), UNKNOWN)


def split_of(path: Path, root: Path) -> str | None:
    """The split that a folder between `root` and the file is named after."""
    words = (files.split_word(part) for part in path.relative_to(root).parts[:-1])
    return next((word for word in words if word), None)
