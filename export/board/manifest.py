"""A bundle's manifest: read, and every file held against it. Travels: Python 3.6, standard library only.

A bundle is data: nothing in it is executed here, no name leaves the folder, no link is followed.
"""

import json
from pathlib import Path, PurePosixPath
from typing import Any, Dict

if __package__:
    from export.board.faults import BundleError
    from export.board.stamp import digest
else:  # on the board the files lie side by side
    from faults import BundleError  # type: ignore[import-not-found,no-redef]
    from stamp import digest  # type: ignore[import-not-found,no-redef]

NAME = "manifest.json"
AGAIN = "copy the whole bundle again"


def read(folder: Path) -> Dict[str, Any]:
    """The manifest of the bundle in `folder`, after every file in it was found whole.

    BundleError: no manifest, a name that leaves the folder, a link, a file that is missing or was changed.
    """
    path = folder / NAME
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise BundleError("{}: no manifest ({}); {}".format(path, wrong, AGAIN)) from None
    files = told.get("files") if isinstance(told, dict) else None
    if path.is_symlink() or not isinstance(files, dict):
        raise BundleError("{}: it names no files; {}".format(path, AGAIN))
    for name, facts in sorted(files.items()):
        hold(folder, name, facts)
    return told


def hold(folder: Path, name: str, facts: Any) -> None:
    """BundleError unless the file called `name` lies in `folder` itself with the bytes that `facts` tell."""
    path = inside(folder, name)
    if not path.is_file():
        raise BundleError("{}: missing; {}".format(path, AGAIN))
    if not isinstance(facts, dict) or path.stat().st_size != facts.get("bytes") or digest(path) != facts.get("sha256"):
        raise BundleError("{}: not the file that {} names; {}".format(path, NAME, AGAIN))


def inside(folder: Path, name: str) -> Path:
    """The path of a bundle's file. BundleError where its name is absolute, goes upwards, or passes through a link."""
    parts = PurePosixPath(name).parts
    plain = "\\" not in name and ":" not in name and str(PurePosixPath(name)) == name
    if not parts or not plain or name.startswith("/") or ".." in parts:
        raise BundleError("{}: {!r} is no name inside the bundle; {}".format(folder / NAME, name, AGAIN))
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise BundleError("{}: a link, which a bundle never holds; {}".format(path, AGAIN))
    return path
