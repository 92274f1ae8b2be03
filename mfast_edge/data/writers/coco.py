"""COCO instances as they are written: one JSON per split, polygons and RLEs with them."""

import json
from pathlib import Path
from typing import Any

from mfast_edge.data.copied import Copy, Sheet
from mfast_edge.data.draft import Thing

PHOTOS = "images"
SIZED = True
IGNORES = "objects"


def write(copy: Copy, root: Path) -> None:
    """annotations/instances_SPLIT.json, or instances.json without splits; ignored objects are `iscrowd`."""
    home = root / "annotations"
    home.mkdir()
    known = {sheet.stem: sheet for sheet in copy.sheets}
    for part, stems in copy.splits.items():
        save(home / f"instances_{part}.json", [known[stem] for stem in stems], copy.classes)
    if not copy.splits:
        save(home / "instances.json", list(copy.sheets), copy.classes)


def save(path: Path, sheets: list[Sheet], classes: tuple[str, ...]) -> None:
    images = [
        {"id": number, "file_name": sheet.file, "width": sheet.width, "height": sheet.height}
        for number, sheet in enumerate(sheets, 1)
    ]
    pairs = [(number, thing) for number, sheet in enumerate(sheets, 1) for thing in sheet.things]
    annotations = [{"id": place, "image_id": number, **row(thing)} for place, (number, thing) in enumerate(pairs, 1)]
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def row(thing: Thing) -> dict[str, Any]:
    """An annotation; the area is the box's where there is no mask that says another."""
    x1, y1, x2, y2 = thing.box
    box = [x1, y1, x2 - x1, y2 - y1]
    mask = [list(ring) for ring in thing.mask] if isinstance(thing.mask, tuple) else thing.mask or []
    crowd = int(thing.ignore)
    return {
        "category_id": thing.kind + 1,
        "bbox": box,
        "area": box[2] * box[3],
        "segmentation": mask,
        "iscrowd": crowd,
        "ignore": crowd,
    }
