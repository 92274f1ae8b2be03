"""What a data set is once it is read and checked: photos, what is on them, and their splits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfast_edge.data.dealing import Deal, Split
from mfast_edge.data.report import Report

SPLITS = ("train", "val", "test")
ANY = -1  # the class of a region to be ignored whatever is in it
Mask = tuple[tuple[float, ...], ...] | dict[str, Any] | None  # polygons x y x y …, a COCO RLE, or none


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is on one photo: N objects.

    boxes (N, 4) float32 x1 y1 x2 y2 in photo pixels, classes (N,) int64, ignore (N,) bool (difficult,
    iscrowd: neither to be learnt nor counted as missed), one mask per object, image-level class numbers.
    An ignored object may be of class ANY: what is found there is right or wrong in no class. A photo that is
    labelled as a whole but was not searched for objects is one such region from edge to edge.
    """

    boxes: np.ndarray
    classes: np.ndarray
    ignore: np.ndarray
    masks: tuple[Mask, ...] = ()
    labels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One photo that decodes, and its truth.

    `name` is the path relative to the data set's folder; width and height are pixels after the EXIF
    orientation `rotate` (1: none) has been applied, which is also what the truth's boxes refer to.
    """

    name: str
    path: Path
    sha256: str
    width: int
    height: int
    rotate: int
    truth: Truth


@dataclass(frozen=True, slots=True)
class Dataset:
    """A checked data set; `splits` has the keys train, val and test, none of them empty.

    `spec` is the text that names it, with absolute paths, and `mapping` the class map that was applied, as plain
    values: what reads it again from any folder. `root` is the folder that holds all of it.

    `digest` is the sha256 of all that training and measuring depend on (paths relative to `root`,
    contents, boxes, splits, class names), so it is the same wherever the data lie.

    For the `task` classify every photo has exactly one class as a whole.

    `how` splits were asked to be made, and the `deals` that this took; none where the data bring their own.
    """

    name: str
    spec: str
    format: str
    root: Path
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Record, ...]]
    report: Report
    digest: str
    how: Split | None = None
    deals: tuple[Deal, ...] = ()
    mapping: Mapping[str, Any] | None = None
    task: str = "detect"

    @property
    def records(self) -> tuple[Record, ...]:
        """The photos of all splits, train first."""
        return tuple(record for part in SPLITS for record in self.splits[part])


def objects(records: Iterable[Record]) -> list[tuple[np.ndarray, np.ndarray]]:
    """What is on each photo: boxes (M, 4) x1 y1 x2 y2 in parts of it, ignore (M,)."""
    return [
        (record.truth.boxes / np.array([record.width, record.height] * 2, np.float32), record.truth.ignore)
        for record in records
    ]


def labels(records: Iterable[Record]) -> list[tuple[int, ...]]:
    """The image-level class numbers of each photo."""
    return [record.truth.labels for record in records]
