"""Silver: photos whose labels a network made. Kept apart from gold: they are learnt from and never measured on.

A folder of COCO's layout, or of class folders, with a marker that tells who made the labels and by which rules; no
other format reads such a folder, and where anybody changed its labels it is silver no more.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mfast_edge.data import coco, folders
from mfast_edge.data.draft import Raw
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import Record
from mfast_edge.errors import UserError

FORM = "silver"
MARK = "silver.json"


def read(root: Path) -> Raw:
    """The photos of a marked folder, all for train. UserError: no marker, or labels that it does not tell of."""
    told = marked(root)
    if told is None:
        raise UserError(
            f"data: silver:{root}: no {MARK} here; a folder that python -m mfast_edge.silver wrote is right"
        )
    if labels(root) != told["labels"]:
        raise UserError(
            f"data: silver:{root}: its labels are not those that {MARK} tells of; labels that people corrected are "
            f"gold: their folder without {MARK}, as coco:FOLDER, would be right"
        )
    raw = coco.read(root) if told["task"] == "detect" else folders.read(root)
    return replace(raw, splits={"train": tuple(draft.name for draft in raw.drafts)})


def marked(root: Path) -> dict[str, Any] | None:
    """What the marker tells; None where there is none."""
    try:
        found: dict[str, Any] = json.loads((root / MARK).read_bytes())
    except (OSError, ValueError):
        return None
    return found


def refuse(spec: str, root: Path) -> None:
    """UserError where another format would read silver as gold."""
    if any((place / MARK).is_file() for place in (root, *list(root.resolve().parents)[:2])):
        raise UserError(f"data: {spec}: a network made these labels; silver:FOLDER, beside gold data, would be right")


def labels(root: Path) -> str:
    """The sha256 of everything that says what is on the photos: annotation files, and the photos' own places."""
    total = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.parent != root):
        total.update(f"{path.relative_to(root).as_posix()}\n".encode())
        if path.suffix == ".json":
            total.update(path.read_bytes())
    return total.hexdigest()


def apart(silver: Iterable[Record], gold: Iterable[Record]) -> tuple[tuple[Record, ...], list[Finding]]:
    """The silver photos that are not gold too, and a finding for each other one: what people say of it counts."""
    known = {record.sha256: record.name for record in gold}
    silver = tuple(silver)
    twice = [record for record in silver if record.sha256 in known]
    findings = [Finding(one.name, f"the same photo as {known[one.sha256]}, which is gold", "left out") for one in twice]
    return tuple(record for record in silver if record.sha256 not in known), findings
