"""Photos and nothing else: to calibrate and compare graphs with, not to learn from."""

from pathlib import Path

from mfast_edge.data import files
from mfast_edge.data.draft import Draft, Raw
from mfast_edge.errors import UserError


def read(root: Path) -> Raw:
    """Every photo in the folder `root` and below it, none annotated. Raises UserError for a file."""
    if not root.is_dir():
        raise UserError(f"data: photos:{root}: a file; give the folder that the photos are in")
    found = sorted(path for path in root.rglob("*") if path.suffix.lower() in files.SUFFIXES)
    drafts = tuple(Draft(files.relative(path, root), path, None, ()) for path in found)
    return Raw((), drafts)
