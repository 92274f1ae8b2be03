"""From annotations as written to records that can be trusted; every problem becomes a finding."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from mfast_edge.data.draft import UNKNOWN, Draft, Thing
from mfast_edge.data.facts import Fact
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import ANY, Record, Truth

SLACK = 1.0  # pixels; a box that sticks out by less was rounded, not misplaced: cut without a finding
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Checker:
    """Turns drafts into records, collecting what was wrong; `relative` as in Raw."""

    relative: bool
    findings: list[Finding] = field(default_factory=list)

    def record(self, draft: Draft, fact: Fact | None) -> Record | None:
        """The photo with the boxes that hold; none when the photo itself must be left out."""
        if fact is None or fact.fault:
            self.drop(draft, fact.fault if fact else "missing image file")
            return None
        rotate = self.turn(draft, fact)
        if rotate is None:
            self.drop(draft, mismatch(draft, fact))
            return None
        width, height = turned(fact, rotate)
        things = list(self.sound(draft, width, height))
        if draft.labels and not draft.things:
            things = [(Thing((0, 0, width, height), ANY, "anything", ignore=True), (0, 0, width, height))]
        return Record(draft.name, draft.path, fact.sha256, width, height, rotate, truth(things, draft))

    def drop(self, draft: Draft, what: str) -> None:
        self.findings.append(Finding(draft.name, what, "photo left out"))

    def note(self, draft: Draft, thing: Thing, what: str, done: str = "box left out") -> None:
        self.findings.append(Finding(draft.name, f"{thing.label}: {what}", done))

    def turn(self, draft: Draft, fact: Fact) -> int | None:
        """The EXIF orientation to apply (1: none), or none when the stated size fits no way of reading."""
        stored = (fact.width, fact.height)
        if draft.size is None:
            return self.guess(draft, fact.rotate, fact.rotate, "as a viewer shows it")
        if draft.size == stored:
            same = turned(fact, fact.rotate) == stored
            return self.guess(draft, fact.rotate, 1, "as it is stored") if same else 1
        return fact.rotate if draft.size == turned(fact, fact.rotate) else None

    def guess(self, draft: Draft, written: int, used: int, how: str) -> int:
        """`used`, with a finding where the stated size cannot tell whether the boxes mean it."""
        if written != 1:
            what = f"EXIF orientation {written}, and the annotation's size does not tell whether it counts"
            self.findings.append(Finding(draft.name, what, f"photo read {how}"))
        return used

    def sound(self, draft: Draft, width: int, height: int) -> Iterator[tuple[Thing, Box]]:
        """The things worth keeping, with their boxes in pixels and inside the photo."""
        for thing in draft.things:
            box = pixels(thing.box, width, height) if self.relative else thing.box
            shown = ", ".join(f"{side:g}" for side in box)
            inside = cut(box, width, height)
            if thing.kind == UNKNOWN:
                self.note(draft, thing, "unknown class")
            elif not all(map(math.isfinite, box)):
                self.note(draft, thing, f"box {shown} is not a box")
            elif empty(box):
                self.note(draft, thing, f"zero-area or inside-out box {shown}")
            elif empty(inside):
                self.note(draft, thing, f"box {shown} outside the photo {width}x{height}")
            else:
                if max(abs(a - b) for a, b in zip(box, inside, strict=True)) >= SLACK:
                    self.note(draft, thing, f"box {shown} sticks out of {width}x{height}", "box cut to the photo")
                yield (enlarged(thing, width, height) if self.relative else thing), inside


def turned(fact: Fact, rotate: int) -> tuple[int, int]:
    """(width, height) after the EXIF orientation `rotate`."""
    return (fact.height, fact.width) if rotate in SIDEWAYS else (fact.width, fact.height)


def mismatch(draft: Draft, fact: Fact) -> str:
    assert draft.size is not None
    stated = "{}x{}".format(*draft.size)
    return f"annotated as {stated}, but stored as {fact.width}x{fact.height} (EXIF orientation {fact.rotate})"


def pixels(box: Box, width: int, height: int) -> Box:
    return (box[0] * width, box[1] * height, box[2] * width, box[3] * height)


def enlarged(thing: Thing, width: int, height: int) -> Thing:
    """The thing with its polygons, fractions so far, in pixels."""
    if not isinstance(thing.mask, tuple):
        return thing
    sides = (width, height)
    rings = tuple(tuple(value * sides[place % 2] for place, value in enumerate(ring)) for ring in thing.mask)
    return replace(thing, mask=rings)


def cut(box: Box, width: int, height: int) -> Box:
    x1, x2 = (min(max(side, 0.0), float(width)) for side in box[::2])
    y1, y2 = (min(max(side, 0.0), float(height)) for side in box[1::2])
    return (x1, y1, x2, y2)


def empty(box: Box) -> bool:
    return box[2] <= box[0] or box[3] <= box[1]


def truth(things: list[tuple[Thing, Box]], draft: Draft) -> Truth:
    return Truth(
        np.array([box for _, box in things], np.float32).reshape(-1, 4),
        np.array([thing.kind for thing, _ in things], np.int64),
        np.array([thing.ignore for thing, _ in things], bool),
        tuple(thing.mask for thing, _ in things),
        draft.labels,
    )
