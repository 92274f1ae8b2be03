"""What the image files themselves say: content hash, stored size, orientation, whether they decode.

Remembered in one JSON by absolute path, bytes and time of change, so that only new files are read.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mfast_edge.data import photo
from mfast_edge.data.report import save
from mfast_edge.errors import Unfinished

VERSION = 1  # raise it when a fact below changes its meaning
READABLE = photo.PLAIN | photo.ALPHA | photo.DEEP


@dataclass(frozen=True, slots=True)
class Fact:
    """One image file; width and height as stored, `fault` empty when every pixel decodes."""

    size: int
    changed: int
    sha256: str
    width: int
    height: int
    rotate: int
    fault: str


def look(paths: Iterable[Path], cache: Path) -> dict[Path, Fact]:
    """The facts of those `paths` that exist; files not yet in `cache`/facts.json are decoded once.

    Raises Unfinished when `cache` cannot be written.
    """
    book = cache / "facts.json"
    known = recalled(book)
    present = [path for path in dict.fromkeys(paths) if os.path.isfile(path)]
    fresh = [path for path in present if not current(known.get(str(path.absolute())), path)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, fact in zip(fresh, pool.map(examined, fresh), strict=True):
            known[str(path.absolute())] = fact
    if fresh:
        remember(book, known)
    return {path: known[str(path.absolute())] for path in present}


def recalled(book: Path) -> dict[str, Fact]:
    """The facts of earlier looks; nothing where there are none or of another version."""
    try:
        written: dict[str, Any] = json.loads(book.read_bytes())
    except (OSError, ValueError):
        return {}
    if written.get("version") != VERSION:
        return {}
    return {path: Fact(**fact) for path, fact in written["facts"].items()}


def remember(book: Path, known: dict[str, Fact]) -> None:
    facts = {path: asdict(fact) for path, fact in known.items()}
    try:
        book.parent.mkdir(parents=True, exist_ok=True)
        save(book, json.dumps({"version": VERSION, "facts": facts}))
    except OSError as error:
        raise Unfinished(f"data: {book.parent}: cannot be written ({error.strerror}); choose another --out") from None


def current(fact: Fact | None, path: Path) -> bool:
    state = path.stat()
    return fact is not None and (fact.size, fact.changed) == (state.st_size, state.st_mtime_ns)


def examined(path: Path) -> Fact:
    """The facts of one file, read once and decoded to its last row."""
    state = path.stat()
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    width = height = 0
    rotate, fault = 1, ""
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            rotate = photo.orientation(image)
            fault = "" if image.mode in READABLE else f"pixels of mode {image.mode}"
            image.draft(
                "RGB", (max(1, width // 8), max(1, height // 8))
            )  # JPEG: reads all the data, computes an eighth
            image.load()
    except photo.BROKEN as error:
        fault = photo.fault(error)
    return Fact(state.st_size, state.st_mtime_ns, digest, width, height, rotate, fault)
