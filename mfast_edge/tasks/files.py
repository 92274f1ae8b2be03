"""Detections as files: exact rows for the store, JSON with names for the user."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mfast_edge.errors import UserError
from mfast_edge.models.detections import Detections

_ROW = np.dtype([("class", "<i4"), ("score", "<f4"), ("box", "<f4", 4)])


def save(path: Path, found: Sequence[Detections]) -> None:
    """Every detection kept exactly (float32), 24 bytes each.

    Two .npy arrays one behind the other: the number of detections of each image, then all their rows.
    """
    counts = np.array([len(one.scores) for one in found], "<i8")
    rows = np.zeros(int(counts.sum()), _ROW)
    for name, parts in (
        ("class", [one.classes for one in found]),
        ("score", [one.scores for one in found]),
        ("box", [one.boxes.reshape(-1, 4) for one in found]),
    ):
        rows[name] = np.concatenate(parts) if parts else rows[name]
    with path.open("wb") as file:
        np.save(file, counts, allow_pickle=False)
        np.save(file, rows, allow_pickle=False)


def load(path: Path) -> list[Detections]:
    """What `save` was given; UserError where the file is not one of its own or was cut short."""
    try:
        with path.open("rb") as file:
            counts = np.load(file, allow_pickle=False)
            rows = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: not detections of mfast-edge, or cut short; delete it and run again") from error
    if rows.dtype != _ROW or counts.dtype.kind != "i" or counts.sum() != len(rows):
        raise UserError(f"{path}: not detections of mfast-edge; delete it and run again")
    parts = np.split(rows, np.cumsum(counts)[:-1]) if len(counts) else []
    return [Detections(part["box"].copy(), part["score"].copy(), part["class"].astype(np.int64)) for part in parts]


def write(path: Path, names: Sequence[str], found: Sequence[Detections], classes: Sequence[str]) -> None:
    """One JSON as COCO has it: images, categories, scored annotations (bbox x y width height, in pixels).

    An annotation also carries its category's name; a category's id is its place in `classes`.
    """
    assert len(names) == len(found), f"{len(names)} names for {len(found)} images of detections"
    data = {
        "images": [{"id": image, "file_name": name} for image, name in enumerate(names)],
        "categories": [{"id": label, "name": name} for label, name in enumerate(classes)],
        "annotations": list(_annotations(found, classes)),
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _annotations(found: Sequence[Detections], classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    rows = (
        (image, box.astype(float), float(score), int(label))
        for image, one in enumerate(found)
        for box, score, label in zip(one.boxes, one.scores, one.classes, strict=True)
    )
    for number, (image, (x1, y1, x2, y2), score, label) in enumerate(rows, start=1):
        sides = [float(x1), float(y1), float(x2 - x1), float(y2 - y1)]
        yield {
            "id": number,
            "image_id": image,
            "category_id": label,
            "category": classes[label],
            "bbox": [round(side, 2) for side in sides],
            "score": round(score, 5),
        }
