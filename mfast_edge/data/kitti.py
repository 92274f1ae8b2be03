"""KITTI object detection: label_2/000000.txt, a row of 15 words per object, photos in image_2.

Rows are read as they are written, in all of KITTI's classes, or in those of a labels.txt; the three of its
benchmark, with the vans and sitting persons that it forgives, are the class map `kitti`. DontCare rows, whose
other columns are -1, -10 and -1000, mark regions in which nobody labelled anything: ignored, whatever is found
there. Truncation, occlusion and the three difficulties that the benchmark makes of them are not read.
"""

from collections.abc import Iterable
from pathlib import Path

from mfast_edge.data import files
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import ANY
from mfast_edge.errors import UserError

CLASSES = ("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc")
ANYTHING = "DontCare"
LISTS = ("train", "val", "trainval", "test")
WORDS = 15  # in a row; a 16th is a detector's score


def read(root: Path) -> Raw:
    """The labelled frames of `root`, or of training/ in it, by the lists of ImageSets/ where there are some.

    Raises UserError where there is no label_2.
    """
    home = next((home for home in (root, root / "training") if (home / "label_2").is_dir()), None)
    if home is None:
        raise UserError(f"data: kitti:{root}: no label_2 here; give the folder that holds label_2 and image_2")
    photos = files.by_stem([home / "image_2"])
    findings: list[Finding] = []
    texts = sorted((home / "label_2").glob("*.txt"))
    names = files.class_names(root) or CLASSES
    drafts = [draft(text, photos, (root, names), findings) for text in texts]
    bare = sorted(photos.keys() - {text.stem for text in texts})
    if bare:
        what = f"{len(bare)} photos have no label file, the first being {photos[bare[0]].name}"
        findings.append(Finding("image_2", what, "left out"))
    known = {text.stem: one.name for text, one in zip(texts, drafts, strict=True)}
    return Raw(names, tuple(drafts), listed(root, known, findings), tuple(findings))


def draft(text: Path, photos: dict[str, Path], home: tuple[Path, tuple[str, ...]], findings: list[Finding]) -> Draft:
    """One frame; its photo, or the path where it was expected. `home`: the data's folder and classes."""
    root, names = home
    photo = photos.get(text.stem, text.parent.parent / "image_2" / f"{text.stem}.png")
    things = tuple(objects(files.lines(text), names, files.relative(text, root), findings))
    return Draft(files.relative(photo, root), photo, None, things)


def objects(rows: list[str], names: tuple[str, ...], where: str, findings: list[Finding]) -> Iterable[Thing]:
    """The objects of one label file; a row that does not hold becomes a finding."""
    for number, row in enumerate(rows, 1):
        words = row.split()
        try:
            x1, y1, x2, y2 = (float(word) for word in words[4:8])
        except ValueError:
            x1 = x2 = y1 = y2 = 0.0
            words = []
        if len(words) not in (WORDS, WORDS + 1):
            what = f"row {number} is not a class and {WORDS - 1} numbers"
            findings.append(Finding(where, what, "box left out"))
            continue
        label = words[0]
        kind = names.index(label) if label in names else UNKNOWN
        anything = label == ANYTHING
        yield Thing((x1, y1, x2, y2), ANY if anything else kind, label, ignore=anything)


def listed(root: Path, known: dict[str, str], findings: list[Finding]) -> dict[str, tuple[str, ...]]:
    """The lists of ImageSets/ that name frames with labels."""
    splits: dict[str, tuple[str, ...]] = {}
    for part in LISTS:
        path = root / "ImageSets" / f"{part}.txt"
        if not path.is_file():
            continue
        words = dict.fromkeys(files.lines(path))
        lost = [word for word in words if word not in known]
        if lost:
            what = f"{len(lost)} frames have no label file, the first being {lost[0]}"
            findings.append(Finding(files.relative(path, root), what, "photos left out"))
        if len(lost) < len(words):  # the benchmark's own test frames have no labels at all
            splits[part] = tuple(known[word] for word in words if word in known)
    return splits
