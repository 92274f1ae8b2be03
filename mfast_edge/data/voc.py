"""Pascal VOC: one XML per photo, with split lists in ImageSets/Main when the folder has them.

Coordinates are taken as they are written, without VOC's own offset of 1: today's XML writers (labelImg,
CVAT) count from 0, and where the same boxes exist as COCO and YOLO they agree without an offset. True VOC
devkit boxes are thereby shifted by one pixel at their top left corner, which no mAP notices.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import parse

from mfast_edge.data import files
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding

LISTS = ("train", "val", "trainval", "test")
Trees = dict[Path, Element]


def read(root: Path) -> Raw:
    """The annotated photos under `root`: of Annotations/ when there is one, else of every XML below."""
    home = root / "Annotations" if (root / "Annotations").is_dir() else root
    trees, findings = parsed(sorted(home.rglob("*.xml")), root)
    names = files.class_names(root) or found_classes(trees.values())
    finder = Finder(root)
    drafts: dict[str, Draft] = {}  # by the XML's path below `home`, without .xml
    for path, tree in trees.items():
        photo = finder.photo(path, tree.findtext("filename", "").strip())
        things = tuple(objects(tree, names, files.relative(path, root), findings))
        name = files.relative(path.with_suffix(""), home)
        drafts[name] = Draft(files.relative(photo, root), photo, stated_size(tree), things)
    findings += unannotated(root, {Path(name).name for name in drafts})
    splits = listed(root, meanings(drafts), findings)
    return Raw(names, tuple(drafts.values()), splits, tuple(findings))


def parsed(paths: list[Path], root: Path) -> tuple[Trees, list[Finding]]:
    """The XML trees that are VOC annotations, and findings for the files that are not."""
    trees: Trees = {}
    findings = []
    for path in paths:
        try:
            trees[path] = annotation(path)
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:  # Lookup: its encoding
            findings.append(Finding(files.relative(path, root), f"not a VOC XML ({error})", "file left out"))
    return trees, findings


def annotation(path: Path) -> Element:
    """The file's root element; ValueError where it is not <annotation>."""
    tree: Element | None = parse(path).getroot()
    if tree is None or tree.tag != "annotation":
        raise ValueError("its root is not <annotation>")
    return tree


def found_classes(trees: Iterable[Element]) -> tuple[str, ...]:
    """All object names, sorted."""
    return tuple(sorted({label(thing) for tree in trees for thing in tree.iter("object")} - {""}))


def label(thing: Element) -> str:
    return thing.findtext("name", "").strip()


def stated_size(tree: Element) -> tuple[int, int] | None:
    """(width, height) as the XML states it; none when missing or 0, as some writers leave it."""
    try:
        width, height = (int(float(tree.findtext(f"size/{side}", "0"))) for side in ("width", "height"))
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def objects(tree: Element, names: tuple[str, ...], where: str, findings: list[Finding]) -> Iterable[Thing]:
    """The objects of one photo; one whose box cannot be read becomes a finding."""
    for thing in tree.iter("object"):
        texts = [thing.findtext(f"bndbox/{side}", "") for side in ("xmin", "ymin", "xmax", "ymax")]
        try:
            x1, y1, x2, y2 = (float(text) for text in texts)
        except ValueError:
            findings.append(Finding(where, f"{label(thing)} box {texts} is not four numbers", "box left out"))
            continue
        kind = names.index(label(thing)) if label(thing) in names else UNKNOWN
        difficult = thing.findtext("difficult", "0").strip() not in ("", "0")
        yield Thing((x1, y1, x2, y2), kind, label(thing), difficult)


class Finder:
    """Finds the photo of an XML: its own name beside it, in ../JPEGImages or ../images, else <filename>."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folders: dict[Path, dict[str, Path]] = {}

    def photo(self, xml: Path, written: str) -> Path:
        """The photo, or the path where it was expected."""
        home = xml.parent
        if home not in self.folders:
            self.folders[home] = files.by_stem((home, home.parent / "JPEGImages", home.parent / "images"))
        stems = self.folders[home]
        known = stems.get(xml.stem) or (stems.get(Path(written).stem) if written else None)
        folder = home.parent / "JPEGImages" if home.name == "Annotations" else home
        return known or folder / (Path(written).name or f"{xml.stem}.jpg")


def meanings(drafts: Mapping[str, Draft]) -> dict[str, set[str]]:
    """Word of a list → the photos that it may mean: an XML's path, or the bare stems of one or several."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, draft in drafts.items():
        found[Path(name).name].add(draft.name)
    return {**found, **{name: {draft.name} for name, draft in drafts.items()}}


def listed(root: Path, known: Mapping[str, set[str]], findings: list[Finding]) -> dict[str, tuple[str, ...]]:
    """The lists of ImageSets/Main that name splits, read by `meanings`; not those of classes (`car_train.txt`)."""
    splits: dict[str, list[str]] = defaultdict(list)
    for part in LISTS:
        path = root / "ImageSets" / "Main" / f"{part}.txt"
        if not path.is_file():
            continue
        for word in dict.fromkeys(line.split()[0] for line in files.lines(path)):
            meant = known.get(word, set())
            if len(meant) == 1:
                splits[part] += meant
            else:
                what = f"{word} means {len(meant)} photos" if meant else f"{word} has no readable XML"
                findings.append(Finding(files.relative(path, root), what, "photo left out"))
        splits[part] += []  # an empty list is still a split that was asked for
    return {part: tuple(names) for part, names in splits.items()}


def unannotated(root: Path, stems: set[str]) -> list[Finding]:
    """One finding for all photos of JPEGImages that no XML speaks of."""
    lonely = [path for path in files.photos(root / "JPEGImages") if path.stem not in stems]
    if not lonely:
        return []
    what = f"{len(lonely)} photos have no XML, the first being {lonely[0].name}"
    return [Finding("JPEGImages", what, "left out")]
