"""What a spec names: the sets that `voc:a+coco:b` joins, as they are written, in one list of classes."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mfast_edge.data import particles, silver
from mfast_edge.data.classes import ClassMap
from mfast_edge.data.draft import Raw
from mfast_edge.data.mapped import candid, mapped, united
from mfast_edge.errors import UserError

FORMATS = {  # name → module with read(root) -> Raw, or module:function
    "voc": "mfast_edge.data.voc",
    "coco": "mfast_edge.data.coco",
    "yolo": "mfast_edge.data.yolo",
    "polygons": "mfast_edge.data.polygons",
    "kitti": "mfast_edge.data.kitti",
    "crowdhuman": "mfast_edge.data.crowdhuman",
    "crowdhuman-visible": "mfast_edge.data.crowdhuman:visible",
    "crowdhuman-head": "mfast_edge.data.crowdhuman:heads",
    "livestock": "mfast_edge.data.livestock",
    "folders": "mfast_edge.data.folders",
    "photos": "mfast_edge.data.photos",
    "silver": "mfast_edge.data.silver",
    "particles": "mfast_edge.data.coco",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One of the sets that a spec joins, as written; its photos' prefix `title` is its format, none where alone."""

    spec: str
    form: str
    root: Path
    raw: Raw
    title: str

    @property
    def home(self) -> Path:
        """The folder that photo names are relative to."""
        return self.root if self.root.is_dir() else self.root.parent

    @property
    def again(self) -> str:
        """The spec that names it from any folder."""
        return self.spec if self.form == "particles" else f"{self.form}:{self.root.resolve()}"


def gathered(spec: str, cache: Path, classes: ClassMap | None = None) -> tuple[Source, ...]:
    """The sets that `spec` joins, as written, all in the same classes: those of the class map, else the union."""
    parts = joint(spec)
    places = [located(part, cache) for part in parts]
    raws = [written(form, root) for form, root in places]
    for part, raw in zip(parts, raws, strict=True):
        refuse(part, raw)
    turned = united(raws)
    turned = mapped(turned, classes) if classes else turned
    turned = tuple(candid(new, old.classes, classes) for new, old in zip(turned, raws, strict=True))
    titles = numbered(form for form, _ in places)  # not the folders' names: where data lie must not change them
    return tuple(
        Source(part, form, root, raw, title if len(parts) > 1 else "")
        for part, (form, root), raw, title in zip(parts, places, turned, titles, strict=True)
    )


def joint(spec: str) -> list[str]:
    """The parts of `voc:a+coco:b`; a plus that no format follows belongs to a path."""
    known = "|".join(map(re.escape, FORMATS))
    return re.split(rf"\+(?=(?:{known})(?::|\+|$))", spec)


def numbered(titles: Iterable[str]) -> list[str]:
    """The same titles, with numbers where one comes again."""
    seen: Counter[str] = Counter()
    found = []
    for title in titles:
        seen[title] += 1
        found.append(title if seen[title] == 1 else f"{title}-{seen[title]}")
    return found


def written(form: str, root: Path) -> Raw:
    """What the format's reader finds."""
    module, _, name = FORMATS[form].partition(":")
    raw: Raw = getattr(import_module(module), name or "read")(root)
    return raw


def located(spec: str, cache: Path) -> tuple[str, Path]:
    """The format and the folder or file of a spec; particles are drawn if they are not there yet."""
    form, _, where = spec.partition(":")
    if form not in FORMATS:
        raise UserError(f"data: {spec}: unknown format {form!r}; there are {', '.join(FORMATS)}")
    if form == "particles":
        return form, particles.draw(particles.parse(where), cache)
    root = Path(os.path.expanduser(where))  # Path.expanduser and .exists raise for unknown users and long names
    if not where or not os.path.exists(root):
        raise UserError(f"data: {spec}: no such folder; give {form}:FOLDER of an existing one")
    if form != silver.FORM:
        silver.refuse(spec, root)
    return form, root


def named(spec: str, root: Path) -> str:
    """A short name for runs: the folder's, or the file's without its suffix; `particles` and their order."""
    if spec.startswith("particles"):
        return spec.replace(":", "-").rstrip("-")
    path = root.resolve()
    return path.name if path.is_dir() else path.stem


def refuse(spec: str, raw: Raw) -> None:
    """Raise where there is nothing to read or to learn."""
    bare = spec.startswith("photos:")
    if not raw.drafts:
        kind = "photos" if bare else "annotated photos"
        raise UserError(f"data: {spec}: no {kind} found; is it the right folder and format?")
    if not raw.classes and not bare:
        raise UserError(f"data: {spec}: no class names found; add labels.txt with one name per line")
