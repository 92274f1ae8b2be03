"""KITTI's label_2 as it is written: 2D boxes, everything else unknown as its DontCare rows say it."""

from pathlib import Path

from mfast_edge.data import kitti
from mfast_edge.data.copied import Copy, lists
from mfast_edge.data.draft import Thing

PHOTOS = "training/image_2"
SIZED = False
IGNORES = "regions"


def write(copy: Copy, root: Path) -> None:
    """One text file per photo; what is ignored is DontCare. labels.txt names classes that are not KITTI's."""
    home = root / "training" / "label_2"
    home.mkdir(parents=True)
    names = [word(name) for name in copy.classes]
    if not set(names) <= set(kitti.CLASSES):
        (root / "labels.txt").write_text("\n".join(names) + "\n")
    for sheet in copy.sheets:
        lines = dict.fromkeys(row(thing, names) for thing in sheet.things if thing.ignore)
        kept = [row(thing, names) for thing in sheet.things if not thing.ignore]
        (home / f"{sheet.stem}.txt").write_text("".join(f"{line}\n" for line in [*kept, *lines]))
    lists(copy, root / "ImageSets", "{}")


def word(name: str) -> str:
    """A class name without blanks, which part the columns."""
    return "_".join(name.split())


def row(thing: Thing, names: list[str]) -> str:
    name = kitti.ANYTHING if thing.ignore else names[thing.kind]
    box = " ".join(repr(side) for side in thing.box)
    return f"{name} -1 -1 -10 {box} -1 -1 -1 -1000 -1000 -1000 -10"
