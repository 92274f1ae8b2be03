"""A classification set cut out of a detection set: each object a photo, in the folder of its class."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

from PIL import Image

from mfast_edge.data.photo import load
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import Dataset, Record
from mfast_edge.errors import UserError

QUALITY = 95  # of JPEG, colours at full size

Window = tuple[int, int, int, int]  # x1 y1 x2 y2 in photo pixels


@dataclass(frozen=True, slots=True)
class Cut:
    """How objects are cut out: with `padding`, a part of the box's longer side, around all four sides as far as the
    photo goes; `square`: with what else of the photo makes a square; boxes with a side below `smallest` px are not."""

    padding: float = 0.0
    smallest: int = 16
    square: bool = False


@dataclass(frozen=True, slots=True)
class Crop:
    """One object: its number on the photo, its class number, and what is cut out."""

    number: int
    kind: int
    window: Window


def write(data: Dataset, root: Path, cut: Cut) -> tuple[dict[str, Counter[str]], list[Finding]]:
    """SPLIT/CLASS/PHOTO_NUMBER.jpg in `root`; how many of each class each split has, and what was left out.

    An object is in the split of its photo: were objects dealt, one photo would be learnt from and measured on.
    UserError where two classes would share a folder, or nothing is left.
    """
    homes = folders(data.classes)
    counts: dict[str, Counter[str]] = {part: Counter() for part in data.splits}
    findings = list(data.report)
    lost: Counter[str] = Counter()
    for part, records in data.splits.items():
        for record in records:
            found = list(crops(record, cut, lost))
            photo = Image.fromarray(load(record)) if found else None
            for crop in found:
                assert photo
                file = root / part / homes[crop.kind] / f"{stem(record.name)}_{crop.number}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                photo.crop(crop.window).save(file, quality=QUALITY, subsampling=0)
                counts[part][data.classes[crop.kind]] += 1
    if not any(counts.values()):
        raise UserError(f"crop: {data.spec}: no object is left; --smallest below {cut.smallest} would be right")
    return counts, findings + [Finding(".", f"{count} {what}", "left out") for what, count in lost.items()]


def crops(record: Record, cut: Cut, lost: Counter[str]) -> Iterator[Crop]:
    """The objects of a photo that can be cut out; `lost` counts the others."""
    truth = record.truth
    for number, (box, kind, ignore) in enumerate(zip(truth.boxes, truth.classes, truth.ignore, strict=True)):
        x1, y1, x2, y2 = map(float, box)
        if ignore:
            lost["objects marked difficult, crowd or to be ignored"] += 1
        elif min(x2 - x1, y2 - y1) < cut.smallest:
            lost[f"objects with a side below {cut.smallest} px"] += 1
        else:
            yield Crop(number, int(kind), window((x1, y1, x2, y2), record, cut))


def window(box: tuple[float, float, float, float], record: Record, cut: Cut) -> Window:
    """The whole pixels of the box, with its padding, that are in the photo."""
    x1, y1, x2, y2 = box
    more = cut.padding * max(x2 - x1, y2 - y1)
    wide, high = x2 - x1 + 2 * more, y2 - y1 + 2 * more
    across, down = (more + max(0.0, high - wide) / 2, more + max(0.0, wide - high) / 2) if cut.square else (more, more)
    left, right = max(0, floor(x1 - across)), min(record.width, ceil(x2 + across))
    top, bottom = max(0, floor(y1 - down)), min(record.height, ceil(y2 + down))
    return left, top, right, bottom


def folders(classes: tuple[str, ...]) -> list[str]:
    """A folder's name for each class. UserError: two would be the same."""
    found = ["_".join(name.replace("/", " ").replace("\\", " ").split()).lstrip(".") or "_" for name in classes]
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        both = " and ".join(repr(name) for name, home in zip(classes, found, strict=True) if home == twice[0])
        raise UserError(f"crop: classes {both} would share a folder; other names, by --classes, would be right")
    return found


def stem(name: str) -> str:
    """A file's name from a photo's path; different for different photos."""
    return name.replace("_", "__").replace("/", "_").replace(".", "-")
