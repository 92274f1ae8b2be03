"""What becomes of every kind of dirt in every format, as the product reads it.

python -m tests.shows.dirt [--table FILE]

Each row is a small drawn data set in one format with one kind of dirt, and what reading it gave: photos, boxes as they
were written, cut to the photo, ignored, lost, and what the report says. Where MFAST_DATA names the real sets, a row for
each of them follows. Writes benchmarks/tables/dirt.json; the exit code is 1 where something was lost without a word.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfast_edge.data.index import measurable
from mfast_edge.data.report import save
from mfast_edge.data.sample import Dataset, Record
from mfast_edge.errors import UserError
from tests.shows.dirt.formats import FORMATS, Format
from tests.shows.dirt.scenes import DIRT, Mark, Photo, Scene

TABLE = Path(__file__).parents[3] / "benchmarks" / "tables" / "dirt.json"
WHY = {
    "boxes": "it has no boxes",
    "corners": "an outline has no such box",
    "hard": "it has no flag for it",
    "region": "it has no regions without a class",
    "truncated": "it does not say so",
    "numbers": "its classes have no numbers",
    "classes": "it has one class, or a photo's",
    "two": "it has one class",
    "apart": "a photo is its own annotation",
}
REAL = {
    "bccd": "voc:bccd",
    "voc100, VOC": "voc:voc100/voc",
    "voc100, COCO": "coco:voc100/coco_v1",
    "voc100, COCO again": "coco:voc100/coco_v2",
    "voc100, YOLO": "yolo:voc100/yolo",
    "coco128": "yolo:coco128",
    "coco128, polygons": "polygons:coco128",
    "nuclei": "coco:nuclei",
    "trashnet": "folders:trashnet",
    "kitti": "kitti:kitti",
    "crowdhuman": "crowdhuman:crowdhuman",
}
NEAR = 1e-3  # pixels


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a scene; `silent` of its objects and annotated photos are lost without a finding."""

    outcome: str
    silent: int = 0


def main(words: list[str]) -> int:
    """A row for each format and dirt."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows.dirt")
    parser.add_argument("--table", type=Path, default=TABLE)
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        seen = {
            (form, dirt): look(form, dirt, Path(folder) / form / str(number))
            for form in FORMATS
            for number, dirt in enumerate(DIRT)
        }
        rows = [{"format": form, "dirt": dirt, "outcome": one.outcome} for (form, dirt), one in seen.items()]
        rows += real(Path(folder) / "real")
    for row in rows:
        print(f"{row['format']:19} {row['dirt']:33} {row['outcome']}")
    asked.table.parent.mkdir(parents=True, exist_ok=True)
    save(asked.table, json.dumps({"command": "python -m tests.shows.dirt", "rows": rows}, indent=1, ensure_ascii=False))
    return int(any(one.silent for one in seen.values()))


def look(form: str, dirt: str, root: Path) -> Seen:
    """Write the scene in the format, read it, compare."""
    known, scene = FORMATS[form], DIRT[dirt]
    if lacking := [need for need in WHY if need in scene.needs - known.says]:
        return Seen(f"cannot be written: {WHY[lacking[0]]}")
    known.write(root / "data", scene)
    try:
        data = measurable(f"{form}:{root / 'data'}", cache=root / "cache")
    except UserError as refused:
        return Seen(f"refused: {str(refused).replace(str(root), '')}")
    return compared(known, scene, data)


def compared(form: Format, scene: Scene, data: Dataset) -> Seen:
    """What is left of the scene's photos and marks, and what is said about the rest."""
    records = {int(one.path.stem.split("_")[0][1:]): one for one in data.records}
    fates: Counter[str] = Counter()
    for number, photo in enumerate(scene.photos):
        fates["photos"] += number in records
        if "boxes" in form.says and photo.annotated and photo.there:
            fates.update(fate(mark, photo, records.get(number), (form, data)) for mark in photo.marks)
    boxes = sum(fates.values()) - fates["photos"]
    parts = [f"{fates['photos']} of {len(scene.photos)} photos", *shares(fates, boxes)]
    lost = fates["lost"] + fates["of another class"] + sum(photo.annotated for photo in scene.photos) - len(records)
    return Seen(f"{', '.join(parts)}; {said(data)}", 0 if len(data.report) else lost)


def shares(fates: Counter[str], boxes: int) -> list[str]:
    """Boxes by what became of them."""
    first = [f"{fates['kept']} of {boxes} boxes as written"] if boxes else []
    return first + [
        f"{fates[fate]} {fate}" for fate in ("cut to the photo", "ignored", "lost", "of another class") if fates[fate]
    ]


def fate(mark: Mark, photo: Photo, record: Record | None, where: tuple[Format, Dataset]) -> str:
    """What became of one mark: kept, cut to the photo, ignored, lost or of another class."""
    form, data = where
    if record is None:
        return "lost"
    limit = np.array([*photo.size, *photo.size], float)
    found = "lost"
    for box, kind, ignored in zip(record.truth.boxes, record.truth.classes, record.truth.ignore, strict=True):
        if np.abs(box - np.clip(mark.box, 0, limit)).max() >= NEAR:
            continue
        if ignored:
            return "ignored" if mark.hard or mark.anything else "lost"
        if data.classes[kind] == form.names[min(mark.kind, len(form.names) - 1)]:
            return "kept" if np.abs(box - mark.box).max() < NEAR else "cut to the photo"
        found = "of another class"
    return found


def said(data: Dataset) -> str:
    """The first finding of each kind, and how many there are of it."""
    kinds: dict[str, list[str]] = {}
    for finding in data.report:
        kinds.setdefault(finding.done, []).append(f"{finding.path}: {finding.what}")
    told = [f"{done} ({len(found)}x, {found[0]})" for done, found in kinds.items()]
    return "reported: " + "; ".join(told) if told else "nothing to report"


def real(cache: Path) -> list[dict[str, str]]:
    """The real sets as they are."""
    home = os.environ.get("MFAST_DATA", "")
    rows = []
    for title, spec in REAL.items() if home else ():
        form, _, folder = spec.partition(":")
        try:
            data = measurable(f"{form}:{home}/{folder}", cache=cache)
            truths = [one.truth for one in data.records]
            hard = sum(int(truth.ignore.sum()) for truth in truths if not truth.labels)
            found = sum(int((~truth.ignore).sum()) for truth in truths)
            outcome = f"{len(truths)} photos, {found} boxes, {hard} ignored; {said(data)}"
        except UserError as refused:
            outcome = f"refused: {str(refused).replace(home, '$MFAST_DATA')}"
        rows.append({"format": form, "dirt": f"real: {title}", "outcome": outcome})
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
