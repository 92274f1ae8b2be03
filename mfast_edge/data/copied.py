"""A data set on its way from one format to another: the boxes as they were written, in pixels, none changed."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mfast_edge.data import silver
from mfast_edge.data.check import Checker, enlarged, pixels
from mfast_edge.data.classes import ClassMap
from mfast_edge.data.draft import UNKNOWN, Draft, Thing
from mfast_edge.data.facts import Fact, look
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import ANY
from mfast_edge.data.source import Source, gathered
from mfast_edge.errors import UserError

Ignores = Literal["nothing", "objects", "regions"]  # by their classes, or whatever is in them
HARD, ANYWHERE = "objects marked difficult, crowd or to be ignored", "regions to be ignored whatever is in them"
DONE = {  # what becomes of them
    ("nothing", HARD): "written as ordinary ones",
    ("nothing", ANYWHERE): "left out; what is there counts as background",
    ("objects", ANYWHERE): "written once for each class",
    ("regions", HARD): "written as regions to be ignored whatever is in them",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One photo as it will be written: its file's name and stem, where it is now, its size, its objects in pixels."""

    stem: str
    file: str
    path: Path
    width: int
    height: int
    things: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """What is to be written; `splits` maps train, val, trainval or test to stems, empty where there are none."""

    classes: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    splits: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the format to be written can say: the photo's size; that objects, or regions, are to be ignored."""

    form: str
    sized: bool
    ignores: Ignores


def copied(spec: str, terms: Terms, cache: Path, classes: ClassMap | None = None) -> tuple[Copy, list[Finding]]:
    """The data of `spec`, ready to be written by `terms`, and a finding for whatever the copy will not say.

    Boxes that stick out of their photo, or have no area, stay as they are. UserError where nothing is left.
    """
    sources = gathered(spec, cache, classes)
    if any(source.form == silver.FORM for source in sources):
        raise UserError(f"data: {spec}: labels that a network made stay silver; gold data alone would be right")
    if len({bool(source.raw.splits) for source in sources}) > 1:
        raise UserError(f"data: {spec}: some bring splits and some none; convert those apart, or give all of them some")
    stems = stemmed([(source.title, draft.name) for source in sources for draft in source.raw.drafts])
    findings: list[Finding] = []
    sheets: dict[str, Sheet] = {}
    splits: dict[str, tuple[str, ...]] = {}
    for source in sources:
        mine = {one.stem: one for one in Copier(source, terms, stems, findings).sheets(cache)}
        sheets |= mine
        for part, names in source.raw.splits.items():
            found = dict.fromkeys(stems[source.title, name] for name in names)
            splits[part] = splits.get(part, ()) + tuple(stem for stem in found if stem in mine)
    listed = {stem for part in splits.values() for stem in part}
    if splits and (rest := sheets.keys() - listed):
        findings.append(Finding(".", f"{len(rest)} annotated photos are in no split", "left out"))
        sheets = {stem: sheet for stem, sheet in sheets.items() if stem in listed}
    if not sheets:
        first = f": {findings[0]}" if findings else ""
        raise UserError(f"data: {spec}: no photo that could be written{first}")
    return Copy(sources[0].raw.classes, tuple(sheets.values()), splits), findings


def stemmed(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A file stem of its own for each (source, photo): the photo's, with its folders in front where one comes again."""
    count = Counter(Path(name).stem for _, name in set(names))
    found: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for title, name in names:
        path = Path(name)
        alone = count[path.stem] == 1
        parts = [title, *path.parent.parts, path.stem if alone else path.name.replace(".", "_")]
        stem = path.stem if alone else "_".join(part for part in parts if part not in ("", "..", "."))
        while stem in taken and (title, name) not in found:
            stem += "_"
        found.setdefault((title, name), stem)
        taken.add(stem)
    return found


class Copier:
    """Makes the sheets of one source; what they will not say goes to the findings."""

    def __init__(
        self, source: Source, terms: Terms, stems: Mapping[tuple[str, str], str], findings: list[Finding]
    ) -> None:
        self.source, self.terms, self.stems, self.findings = source, terms, stems, findings
        self.lost: Counter[str] = Counter()

    def sheets(self, cache: Path) -> list[Sheet]:
        """The photos that can be written, and a finding for the others and for what their objects lose."""
        raw = self.source.raw
        self.findings += raw.findings
        facts = look([draft.path for draft in raw.drafts], cache)
        drafts = {draft.name: draft for draft in reversed(raw.drafts)}  # of photos annotated again, the first
        found = [sheet for draft in reversed(drafts.values()) if (sheet := self.sheet(draft, facts.get(draft.path)))]
        for what, count in self.lost.items():
            self.findings.append(Finding(".", f"{count} {what}", DONE.get((self.terms.ignores, what), "left out")))
        return found

    def sheet(self, draft: Draft, fact: Fact | None) -> Sheet | None:
        """One photo; none where it cannot be read, or its turn or its label cannot be written."""
        checker = Checker(self.source.raw.relative)
        record = checker.record(draft, fact)
        if record is None or fact is None:
            self.findings += checker.findings
            return None
        size = (record.width, record.height)
        if Checker(False).turn(replace(draft, size=size if self.terms.sized else None), fact) != record.rotate:
            what = f"EXIF orientation {fact.rotate}, and {self.terms.form} cannot say whether it counts"
            self.findings.append(Finding(draft.name, what, "photo left out"))
            return None
        if draft.labels and not draft.things:
            self.lost["photos with classes and no boxes"] += 1
            return None
        things = tuple(one for thing in draft.things for one in self.things(thing, draft, size))
        stem = self.stems[self.source.title, draft.name]
        return Sheet(stem, stem + draft.path.suffix, draft.path, *size, things)

    def things(self, thing: Thing, draft: Draft, size: tuple[int, int]) -> Iterator[Thing]:
        """An object in pixels; a region of any class once for each."""
        box = pixels(thing.box, *size) if self.source.raw.relative else thing.box
        if thing.kind == UNKNOWN or not all(map(math.isfinite, box)):
            what = "unknown class" if thing.kind == UNKNOWN else "not a box"
            self.findings.append(Finding(draft.name, f"{thing.label}: {what}", "box left out"))
            return
        ready = replace(enlarged(thing, *size) if self.source.raw.relative else thing, box=box)
        kind = ANYWHERE if thing.kind == ANY else HARD
        if thing.ignore and (self.terms.ignores, kind) in DONE:
            self.lost[kind] += 1
        if thing.kind != ANY or self.terms.ignores == "regions":
            yield ready
        elif self.terms.ignores == "objects":
            yield from (replace(ready, kind=number) for number in range(len(self.source.raw.classes)))


def lists(copy: Copy, home: Path, line: str, files: bool = False) -> None:
    """A text file per split in `home`, with a `line` around each photo's stem, or its file's name."""
    names = {sheet.stem: sheet.file if files else sheet.stem for sheet in copy.sheets}
    for part, stems in copy.splits.items():
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{part}.txt").write_text("".join(f"{line.format(names[stem])}\n" for stem in stems))
