"""YOLO as it is written: labels/, lists of photos, and a YAML that names the classes."""

from pathlib import Path

import yaml

from mfast_edge.data.copied import Copy, Sheet, lists

PHOTOS = "images"
SIZED = False
IGNORES = "nothing"


def write(copy: Copy, root: Path) -> None:
    """One text file per photo, data.yaml, and train.txt … where there are splits."""
    (root / "labels").mkdir()
    for sheet in copy.sheets:
        (root / "labels" / f"{sheet.stem}.txt").write_text("".join(f"{line}\n" for line in rows(sheet)))
    lists(copy, root, f"{PHOTOS}/{{}}", files=True)
    keys = {part: f"{part}.txt" for part in copy.splits}
    (root / "data.yaml").write_text(
        yaml.safe_dump({"names": dict(enumerate(copy.classes)), **keys}, allow_unicode=True)
    )


def rows(sheet: Sheet) -> list[str]:
    """`class x y width height` per object, in fractions of the photo with all their digits."""
    found = []
    for thing in sheet.things:
        x1, y1, x2, y2 = thing.box
        across, down = (x1 + x2) / 2 / sheet.width, (y1 + y2) / 2 / sheet.height
        found.append(f"{thing.kind} {across!r} {down!r} {(x2 - x1) / sheet.width!r} {(y2 - y1) / sheet.height!r}")
    return found
