"""Class folders: a classification set, each photo in the folder of its class.

Photos are labelled as a whole (Truth.labels) and have no boxes: they say what is on them and not where. Splits
are folders above those of the classes (train/cat/1.jpg), or lists of file names beside them.
"""

from collections import defaultdict
from pathlib import Path

from mfast_edge.data import files
from mfast_edge.data.draft import Draft, Raw
from mfast_edge.data.report import Finding
from mfast_edge.errors import UserError


def read(root: Path) -> Raw:
    """The photos of the folder `root`, or of images/ in it; classes are the folders' names, sorted.

    Raises UserError for a file.
    """
    if not root.is_dir():
        raise UserError(f"data: folders:{root}: a file; give the folder that holds one folder per class")
    home = root / "images" if (root / "images").is_dir() else root
    parts = {folder: part for folder in folders(home) if (part := files.split_word(folder.name)) and folders(folder)}
    tops = list(parts) or [home]
    classes = sorted({folder.name for top in tops for folder in folders(top)})
    drafts: dict[str, Path] = {}
    labels: dict[str, int] = {}
    splits: dict[str, list[str]] = defaultdict(list)
    for top in tops:
        for place in folders(top):
            for photo in sorted(path for path in place.rglob("*") if path.suffix.lower() in files.SUFFIXES):
                name = files.relative(photo, root)
                drafts[name], labels[name] = photo, classes.index(place.name)
                if top in parts:
                    splits[parts[top]].append(name)
    findings = stray(tops, root)
    found = {part: tuple(names) for part, names in splits.items()} or listed(root, drafts, findings)
    whole = tuple(Draft(name, path, None, (), (labels[name],)) for name, path in drafts.items())
    return Raw(tuple(classes), whole, found, tuple(findings))


def folders(home: Path) -> list[Path]:
    """The folders directly in `home`, hidden ones aside."""
    return sorted(path for path in home.iterdir() if path.is_dir() and not path.name.startswith("."))


def stray(tops: list[Path], root: Path) -> list[Finding]:
    """One finding for the photos that are in no class's folder."""
    lonely = [photo for top in tops for photo in files.photos(top)]
    if not lonely:
        return []
    what = f"{len(lonely)} photos are in the folder of no class, the first being {files.relative(lonely[0], root)}"
    return [Finding(".", what, "left out")]


def listed(root: Path, drafts: dict[str, Path], findings: list[Finding]) -> dict[str, tuple[str, ...]]:
    """The lists in `root` that are named after splits: a line begins with a path, or with a name that is there once."""
    meant: dict[str, list[str]] = defaultdict(list)
    for name, path in drafts.items():
        for word in {name, path.name, path.relative_to(path.parents[1]).as_posix()}:
            meant[word].append(name)
    splits: dict[str, tuple[str, ...]] = {}
    for path in sorted(root.glob("*.txt")):
        part = files.split_word(path.stem)
        words = [line.split()[0] for line in files.lines(path)] if part else []
        if not part or not any(word in meant for word in words):  # a licence of training, a readme of tests
            continue
        lost = [word for word in words if len(meant.get(word, ())) != 1]
        if lost:
            what = f"{len(lost)} lines mean no photo or several, the first being {lost[0]}"
            findings.append(Finding(files.relative(path, root), what, "photos left out"))
        splits[part] = splits.get(part, ()) + tuple(meant[word][0] for word in words if word not in lost)
    return splits
