"""CrowdHuman: .odgt, a JSON a line with one photo's persons, each with a full, a visible and a head box.

Full boxes are guessed beyond what the photo shows and often lie far outside it: they are cut to it. Whatever
is not a `person` (reflections, posters, crowds: `mask`) and whatever is marked to be ignored is ignored.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from mfast_edge.data import files
from mfast_edge.data.draft import Draft, Raw, Thing
from mfast_edge.data.report import Finding
from mfast_edge.errors import UserError

Box = Literal["fbox", "vbox", "hbox"]
PERSON = "person"


def read(root: Path) -> Raw:
    """The persons of the file `root`, or of all .odgt files in the folder `root`, by their full boxes."""
    return persons(root, "fbox")


def visible(root: Path) -> Raw:
    """The same by what of them is seen."""
    return persons(root, "vbox")


def heads(root: Path) -> Raw:
    """Their heads; one that is marked ignore or unsure is ignored."""
    return persons(root, "hbox")


def persons(root: Path, which: Box) -> Raw:
    """The photos of all files with one kind of box; UserError where there is no file."""
    home = root if root.is_dir() else root.parent
    paths = [root] if root.is_file() else sorted(root.glob("*.odgt")) or sorted(root.glob("*/*.odgt"))
    if not paths:
        raise UserError(f"data: crowdhuman:{root}: no .odgt file here; give such a file, or the folder that holds some")
    reader = Reader(home, which)
    drafts: list[Draft] = []
    splits: dict[str, tuple[str, ...]] = {}
    for path in paths:
        mine = list(reader.drafts(path))
        drafts += mine
        if root.is_dir() and (part := files.split_word(path.stem)):
            splits[part] = splits.get(part, ()) + tuple(one.name for one in mine)
    return Raw(("head" if which == "hbox" else PERSON,), tuple(drafts), splits, tuple(reader.findings))


class Reader:
    """Reads .odgt files below `home`; problems become findings."""

    def __init__(self, home: Path, which: Box) -> None:
        self.which, self.home = which, home
        self.findings: list[Finding] = []
        folders = {path.parent for path in home.rglob("*") if path.suffix.lower() in files.SUFFIXES}
        self.photos = files.by_stem(sorted(folders))  # wherever the parts of the archive were unpacked

    def drafts(self, path: Path) -> Iterable[Draft]:
        """A draft for each line that holds."""
        where = files.relative(path, self.home)
        for number, line in enumerate(files.lines(path), 1):
            try:
                row = json.loads(line)
                name, boxes = str(row["ID"]), [dict(box) for box in row["gtboxes"]]
            except (ValueError, RecursionError, KeyError, TypeError):
                what = f"line {number} is not a JSON with `ID` and a list `gtboxes`"
                self.findings.append(Finding(where, what, "photo left out"))
                continue
            photo = self.photo(name)
            things = [thing for box in boxes if (thing := self.thing(box, f"{where}: {name}"))]
            yield Draft(files.relative(photo, self.home), photo, None, tuple(things))

    def photo(self, name: str) -> Path:
        """The photo of an ID, or the path where it was expected."""
        return self.photos.get(name) or self.home / "Images" / f"{Path(name).name}.jpg"

    def thing(self, row: dict[str, Any], where: str) -> Thing | None:
        """One person or region; a box that is not four numbers becomes a finding."""
        tag, box = str(row.get("tag")), row.get(self.which)
        try:
            x, y, width, height = (float(side) for side in box)  # type: ignore[union-attr]
        except (TypeError, ValueError, OverflowError):
            self.findings.append(Finding(where, f"{tag}: {self.which} {box} is not four numbers", "box left out"))
            return None
        return Thing((x, y, x + width, y + height), 0, tag, tag != PERSON or self.ignored(row))

    def ignored(self, row: dict[str, Any]) -> bool:
        """Whether a person is marked to be ignored; of heads also those that the annotator was not sure of."""
        extra, head = (found if isinstance(found := row.get(name), dict) else {} for name in ("extra", "head_attr"))
        unclear = self.which == "hbox" and (head.get("ignore") or head.get("unsure"))
        return bool(extra.get("ignore") or unclear)
