"""YOLO polygons: a row `class x y x y …` per object, in fractions of the photo; its box is what it fills.

Polygons are read from segments/ where that folder is there, else from the label files. Two spaces of class
numbers are about: the rows' own 0 … n-1, and COCO's category ids, 1 … 90 with ten gaps, which exporters of
COCO's masks leave as they are.
"""

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mfast_edge.data import files, yolo
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding

FOLDER = "segments"
GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)  # ids of COCO's 90 that no object has
IDS = tuple(number for number in range(1, 91) if number not in GAPS)  # of its 80 classes, in their order
Numbers = dict[int, int]  # number in a row → class


def read(root: Path) -> Raw:
    """The photos and outlined objects of the folder `root`; polygons and boxes stay fractions of the photo.

    A photo with boxes in labels/ and no polygons is left out: it would be taught as background.
    """
    layout = yolo.arranged(root)
    findings = list(layout.findings)
    folder = root / FOLDER
    every = [pair for pairs in layout.parts.values() for pair in pairs]
    texts = {pair: outlines(pair, folder) if folder.is_dir() else pair.label for pair in every}
    numbers, told = numbered([text for text in texts.values() if text], layout.names)
    findings += told
    parts: dict[str, list[Draft]] = {}
    for part, pairs in layout.parts.items():
        mine = [(pair, texts[pair]) for pair in pairs]
        parts[part] = [
            draft(pair, text, root, (layout.names, numbers), findings) for pair, text in mine if text or not rows(pair)
        ]
    findings += [
        *beside(texts, root),
        *yolo.backgrounds([pair for pair in every if not texts[pair] and not rows(pair)], root),
        *yolo.orphans([replace(pair, label=text) for pair, text in texts.items()], root),
    ]
    return yolo.raw(layout.names, parts, findings)


def outlines(pair: yolo.Pair, folder: Path) -> Path | None:
    """The file of a photo's polygons; none when there is none."""
    path = folder / f"{pair.photo.stem}.txt"
    return path if os.path.isfile(path) else None


def rows(pair: yolo.Pair) -> int:
    """How many objects the label file of a photo has."""
    return len(files.lines(pair.label)) if pair.label else 0


def numbered(texts: Iterable[Path], names: tuple[str, ...]) -> tuple[Numbers, list[Finding]]:
    """What the numbers in the rows mean: the classes' own, or COCO's ids where they go beyond its 80 classes."""
    words = {row.split()[0] for text in texts for row in files.lines(text)}
    used = {int(word) for word in words if word.isdecimal()}
    if len(names) != len(IDS) or not used or max(used) < len(names) or not used <= set(IDS):
        return {number: number for number in range(len(names))}, []
    what = f"class numbers up to {max(used)} for {len(names)} classes, none of them a gap of COCO's category ids"
    return {number: place for place, number in enumerate(IDS)}, [Finding(FOLDER, what, "read as COCO's ids, 1 to 90")]


def draft(
    pair: yolo.Pair, text: Path | None, root: Path, known: tuple[tuple[str, ...], Numbers], findings: list[Finding]
) -> Draft:
    things = tuple(objects(text, root, known, findings)) if text else ()
    return Draft(files.relative(pair.photo, root), pair.photo, None, things)


def objects(text: Path, root: Path, known: tuple[tuple[str, ...], Numbers], findings: list[Finding]) -> Iterable[Thing]:
    """The objects of one file: polygons, or boxes where a row has five numbers; others become findings."""
    names, numbers = known
    for number, row in enumerate(files.lines(text), 1):
        try:
            word, *sides = (float(word) for word in row.split())
        except ValueError:
            word, sides = math.nan, []
        if len(sides) != 4 and (len(sides) < 6 or len(sides) % 2):
            what = f"row {number} is not `class x y x y …` of three points or more"
            findings.append(Finding(files.relative(text, root), what, "object left out"))
            continue
        kind = numbers.get(int(word), UNKNOWN) if word.is_integer() else UNKNOWN
        yield thing(kind, names[kind] if kind != UNKNOWN else f"class {word:g}", sides)


def thing(kind: int, label: str, sides: list[float]) -> Thing:
    """An object by its polygon, or by the row of a box: x y width height."""
    if len(sides) == 4:
        x, y, width, height = sides
        return Thing((x - width / 2, y - height / 2, x + width / 2, y + height / 2), kind, label)
    across, down = sides[::2], sides[1::2]
    return Thing((min(across), min(down), max(across), max(down)), kind, label, mask=(tuple(sides),))


def beside(texts: dict[yolo.Pair, Path | None], root: Path) -> list[Finding]:
    """Findings for photos whose label file has other objects than their polygons."""
    found = []
    for pair, text in texts.items():
        boxes, shapes = rows(pair), len(files.lines(text)) if text else 0
        where = files.relative(pair.photo, root)
        if text is None and boxes:
            found.append(
                Finding(where, f"{boxes} boxes in {yolo_folder(pair, root)} and no polygons", "photo left out")
            )
        elif text != pair.label and boxes != shapes and text and pair.label:
            what = f"{shapes} polygons for {boxes} boxes in {yolo_folder(pair, root)}"
            found.append(Finding(where, what, "only the polygons are read"))
    return found


def yolo_folder(pair: yolo.Pair, root: Path) -> str:
    assert pair.label is not None
    return files.relative(pair.label.parent, root)
