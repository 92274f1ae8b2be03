"""Detections as files that others score: CSV in both layouts, COCO results, the competition's JSON."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfast_edge.errors import UserError
from mfast_edge.models.detections import Detections

BOX = ("XMin", "XMax", "YMin", "YMax")  # in this order


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one photo, or frame, of (height, width), and the seconds from its pixels to that."""

    name: str
    size: tuple[int, int]
    detections: Detections
    seconds: float


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids for COCO results: of each picture by name, of each class in order; None: a class without one."""

    images: Mapping[str, Any]
    categories: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Clocked:
    """Seconds of a whole prediction: per forward on the CPU's and the GPU's clock, and all that were spent.

    `every` is the wall clock from opening the network to the last photo, reading photos included, drawing not.
    """

    cpu: float
    cuda: float
    every: float


def pixels(path: Path, every: Sequence[Found], classes: Sequence[str]) -> None:
    """CSV of ImageID, LabelName, Conf, XMin, XMax, YMin, YMax: pixels, clamped to the photo."""
    rows = (
        [one.name, classes[label], f"{score:.5f}", *(f"{side:.2f}" for side in box)]
        for one, box, score, label in boxes(every)
    )
    table(path, ("ImageID", "LabelName", "Conf", *BOX), rows)


def normalised(path: Path, every: Sequence[Found], classes: Sequence[str], score: float) -> None:
    """CSV of ImageID, LabelName, XMin, XMax, YMin, YMax, in 0..1, of the detections scored `score` or more."""
    rows = (
        [one.name, classes[label], *(f"{side:.6f}" for side in box / np.repeat(one.size[::-1], 2))]
        for one, box, sure, label in boxes(every)
        if sure >= score
    )
    table(path, ("ImageID", "LabelName", *BOX), rows)


def probabilities(path: Path, every: Sequence[Found], classes: Sequence[str]) -> None:
    """CSV of ImageID, LabelName, Conf (the surest class) and the probability of each class, in their order."""
    rows = []
    for one in every:
        given = dict(zip(one.detections.classes.tolist(), one.detections.scores.tolist(), strict=True))
        best = one.detections.scores.max(initial=0.0)
        scores = [best, *(given.get(label, 0.0) for label in range(len(classes)))]
        rows.append([one.name, surest(one.detections, classes) or "", *(f"{score:.5f}" for score in scores)])
    table(path, ("ImageID", "LabelName", "Conf", *classes), iter(rows))


def boxes(every: Sequence[Found]) -> Iterator[tuple[Found, np.ndarray, float, int]]:
    """(photo, x1 x2 y1 y2 in pixels inside it, score, class) of each detection."""
    for one in every:
        height, width = one.size
        found = one.detections
        inside = found.boxes.reshape(-1, 4).astype(float).clip(0, [width, height, width, height])
        for box, score, label in zip(inside[:, [0, 2, 1, 3]], found.scores, found.classes, strict=True):
            yield one, box, float(score), int(label)


def table(path: Path, head: Sequence[str], rows: Iterator[list[str]]) -> None:
    """A CSV file."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def coco(path: Path, every: Sequence[Found], ids: Ids) -> None:
    """COCO results: image_id, category_id, bbox (x y width height in pixels), score; classes without id left out."""
    rows = [
        {
            "image_id": ids.images[one.name],
            "category_id": ids.categories[label],
            "bbox": [round(float(side), 2) for side in (x1, y1, x2 - x1, y2 - y1)],
            "score": round(score, 5),
        }
        for one, (x1, x2, y1, y2), score, label in boxes(every)
        if ids.categories[label] is not None
    ]
    path.write_text(json.dumps(rows) + "\n", encoding="utf-8")


def plain(every: Sequence[Found], classes: Sequence[str]) -> Ids:
    """Ids where no COCO file gives any: those that `files.write` states for the same pictures."""
    return Ids({one.name: place for place, one in enumerate(every)}, tuple(range(len(classes))))


def placed(path: Path, images: Mapping[str, Any], where: Path) -> Any:
    """The id of a photo in {file name: id}: of that name, or of the one whose folders agree too. UserError: none."""
    alike = [name for name in images if Path(name).name == path.name]
    close = [name for name in alike if path.resolve().as_posix().endswith(f"/{name}")]
    found = alike if len(alike) == 1 else close
    if len(found) != 1:
        how = f"names {len(alike)} photos {path.name}" if alike else f"does not name {path.name}"
        raise UserError(f"--ids: {where} {how}; the COCO file of these very photos would be right")
    return images[found[0]]


def competition(path: Path, every: Sequence[Found], classes: Sequence[str], spent: Clocked, macs: int) -> None:
    """JSON of inference {photo: class of its surest detection, null without one}, time and macs.

    time is in seconds: profile {cuda, cpu} of one forward, runtime {all, inference_only}, inference {photo: …}.
    """
    seconds = {one.name: round(one.seconds, 6) for one in every}
    told: dict[str, Any] = {
        "inference": {one.name: surest(one.detections, classes) for one in every},
        "time": {
            "profile": {"cuda": spent.cuda, "cpu": spent.cpu},
            "runtime": {"all": spent.every, "inference_only": sum(one.seconds for one in every)},
            "inference": seconds,
        },
        "macs": macs,
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def surest(found: Detections, classes: Sequence[str]) -> str | None:
    """The class of the best detection."""
    return classes[int(found.classes[found.scores.argmax()])] if len(found.scores) else None
