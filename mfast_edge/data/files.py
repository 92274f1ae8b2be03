"""Finding photos, lists and class names around annotations."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"}
CLASS_FILES = ("labels.txt", "classes.txt", "obj.names")
SPLIT_WORDS = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
SPLIT = re.compile(r"(?<![a-z])(trainval|train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)(?![a-z])")


def photos(folder: Path) -> list[Path]:
    """The photos directly in `folder`, sorted by name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def by_stem(folders: Iterable[Path]) -> dict[str, Path]:
    """File name without suffix → photo, for the photos directly in `folders`; the first folder wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in photos(folder):
            found.setdefault(path.stem, path)
    return found


def near(root: Path, written: str) -> Path | None:
    """The existing file or folder that `written` means: as it is, from `root`, or from any tail of it.

    Lists travel with prefixes that only existed on their author's machine: `data/obj_train_data/a.jpg`.
    """
    parts = Path(written.strip().replace("\\", "/")).parts
    tails = (root.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((path for path in tails if os.path.exists(path)), None)  # Path.exists raises for a name too long


def lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank, stripped."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def class_names(root: Path) -> tuple[str, ...]:
    """The classes of the first labels.txt, classes.txt or obj.names in `root`; none when there is none."""
    path = next((root / name for name in CLASS_FILES if (root / name).is_file()), None)
    return tuple(lines(path)) if path else ()


def split_word(text: str) -> str | None:
    """The split that a file or folder name speaks of: `instances_train2017` → train."""
    match = SPLIT.search(text.lower())
    return SPLIT_WORDS.get(match[1], match[1]) if match else None


def relative(path: Path, root: Path) -> str:
    """`path` as seen from `root`, with forward slashes."""
    return Path(os.path.relpath(path, root)).as_posix()
