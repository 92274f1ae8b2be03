"""Photos labelled by a stored candidate: what it is sure of, and what another look agrees with, as a set of its own."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from mfast_edge.candidate import digest, file_digest
from mfast_edge.data import silver
from mfast_edge.data.copied import Copy, Sheet, stemmed
from mfast_edge.data.draft import Thing
from mfast_edge.data.photo import load
from mfast_edge.data.writers import coco
from mfast_edge.errors import UserError
from mfast_edge.models.boxes import overlaps
from mfast_edge.models.detections import Detections, detect
from mfast_edge.settings import Settings
from mfast_edge.store import write_json
from mfast_edge.subject import matched, translated
from mfast_edge.tasks.task import of

if TYPE_CHECKING:
    from mfast_edge.data.sample import Record
    from mfast_edge.opened import Opened

Share = Annotated[float, Field(gt=0, lt=1)]
Look = Callable[[np.ndarray], Detections]


class Rules(Settings):
    """What becomes a label; of a photo as a whole, score and the other look's class decide."""

    score: Share  # at least, in both looks
    agree: Share | None = 0.6  # IoU with a detection of the same class in the other look; None: one look is enough
    doubt: Share | None = 0.1  # what is scored so and is no label becomes a region to be ignored; None: background
    boxes: Annotated[int, Field(ge=0)] = 1  # labels at least on a photo


@dataclass(frozen=True, slots=True)
class Labeller:
    """A candidate, whoever looks a second time (None: itself, at the photo mirrored), and the rules."""

    first: Opened
    second: Opened | None
    rules: Rules

    @property
    def whole(self) -> bool:
        """Whether a label is about a photo as a whole."""
        return of(self.first.model.task).WHOLE

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the labels: the first's."""
        return tuple(self.first.facts["classes"])

    def told(self) -> dict[str, Any]:
        """Who labels, and by which rules."""
        both = {"by": self.first, "beside": self.second}
        made = {name: {"key": one.candidate.key, "model": one.candidate.model, "file": file_digest(one.candidate.file)}
                for name, one in both.items() if one}  # fmt: skip
        return {"beside": "the photo mirrored", **made, "rules": self.rules.model_dump(mode="json")}

    def looks(self) -> tuple[Look, Look]:
        """A photo → what is found, in the first's classes, at the first and the second look."""
        one = looking(self.first)
        if self.second is None:
            return one, lambda photo: mirrored(one(np.ascontiguousarray(photo[:, ::-1])), photo.shape[1])
        other, known = looking(self.second), matched(tuple(self.second.facts["classes"]), self.classes)
        return one, lambda photo: translated(other(photo), known)


def looking(source: Opened) -> Look:
    """A candidate in its fastest runtime."""
    forward = source.forward()
    return lambda photo: detect(photo, forward, source.model.decode, source.facts)


def mirrored(found: Detections, width: int) -> Detections:
    """Detections in a mirrored photo as they lie in the photo itself."""
    boxes = found.boxes.copy()
    boxes[:, [0, 2]] = width - found.boxes[:, [2, 0]]
    return Detections(boxes, found.scores, found.classes)


def agreed(one: Detections, other: Detections, iou: float) -> np.ndarray:
    """(K,) which detections of `one` the other look has too: the same class, this IoU; each of its own at most once."""
    alike = overlaps(one.boxes, other.boxes) * (one.classes[:, None] == other.classes[None])
    found = np.zeros(len(one.scores), bool)
    for row in range(len(found) if len(other.scores) else 0):  # best first
        best = int(alike[row].argmax())
        if alike[row, best] >= iou:
            found[row], alike[:, best] = True, 0
    return found


def things(one: Detections, other: Detections, rules: Rules, classes: Sequence[str]) -> tuple[Thing, ...]:
    """Labels, and regions to be ignored where something may be."""
    sure = one.scores >= rules.score
    if rules.agree is not None:
        there = other.scores >= rules.score
        twice = agreed(one, Detections(*(part[there] for part in other)), rules.agree)
        sure &= twice
    maybe = ~sure & (one.scores >= (rules.doubt if rules.doubt is not None else np.inf))
    return tuple(
        Thing(
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])), int(kind), classes[int(kind)], bool(doubted)
        )
        for box, kind, label, doubted in zip(one.boxes, one.classes, sure, maybe, strict=True)
        if label or doubted
    )


def answer(one: Detections, other: Detections, rules: Rules, classes: Sequence[str]) -> tuple[Thing, ...]:
    """The one class of a photo whose classes are all scored, best first; none where the looks are not sure."""
    looks = (one, other) if rules.agree is not None else (one,)
    if any(look.classes[0] != one.classes[0] or look.scores[0] < rules.score for look in looks):
        return ()
    kind = int(one.classes[0])
    return (Thing((0.0, 0.0, 1.0, 1.0), kind, classes[kind]),)


def sheets(labeller: Labeller, records: Sequence[Record]) -> Iterator[Sheet]:
    """Every photo with labels enough."""
    first, second = labeller.looks()
    stems = stemmed([("", record.name) for record in records])
    marks, least = (answer, 1) if labeller.whole else (things, labeller.rules.boxes)
    for record in records:
        photo = load(record)
        one = first(photo)
        other = second(photo) if labeller.rules.agree is not None else one
        found = marks(one, other, labeller.rules, labeller.classes)
        if sum(not thing.ignore for thing in found) >= least:
            stem = stems["", record.name]
            yield Sheet(stem, stem + record.path.suffix, record.path, record.width, record.height, found)


def label(labeller: Labeller, records: Sequence[Record], root: Path, link: bool) -> dict[str, Any]:
    """What the marker of `root` tells, after the silver set was written there; what the same labeller wrote there of
    the same photos is kept. UserError: no photo has labels enough, or something else lies there."""
    if labeller.second and labeller.second.model.task != labeller.first.model.task:
        raise UserError("--beside: another task than the run's; a candidate of the same task would be right")
    question = digest([labeller.told(), [record.sha256 for record in records]])
    known = silver.marked(root)
    if known and known["question"] == question:
        silver.read(root)
        return known
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"--to: {root}: there is something already; an empty or new folder would be right")
    made = tuple(sheets(labeller, records))
    if not made:
        raise UserError(f"silver: none of {len(records)} photos has labels enough; a lower --score would be right")
    new = root.with_name(f".{root.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    write(labeller, made, new, link)
    counts = {"photos": len(made), "of": len(records), **counted(made)}
    told = {
        "task": labeller.first.model.task,
        "question": question,
        **labeller.told(),
        "classes": labeller.classes,
        **counts,
    }
    photos = {sheet.file: file_digest(sheet.path) for sheet in made}
    write_json(new / silver.MARK, {**told, "sha256": photos, "labels": silver.labels(new)})
    if root.exists():
        root.rmdir()
    found = silver.marked(new.rename(root))
    assert found is not None
    return found


def write(labeller: Labeller, made: tuple[Sheet, ...], root: Path, link: bool) -> None:
    """The photos and their COCO annotations; of photos as a whole a folder for each class."""
    for sheet in made:
        folder = root / "train" / sheet.things[0].label if labeller.whole else root / coco.PHOTOS
        folder.mkdir(parents=True, exist_ok=True)
        if link:
            (folder / sheet.file).symlink_to(sheet.path.resolve())
        else:
            shutil.copyfile(sheet.path, folder / sheet.file)
    if not labeller.whole:
        coco.write(Copy(labeller.classes, made, {"train": tuple(sheet.stem for sheet in made)}), root)


def counted(made: Sequence[Sheet]) -> dict[str, Any]:
    """Labels of each class, and regions to be ignored."""
    every = [thing for sheet in made for thing in sheet.things]
    labels = Counter(thing.label for thing in every if not thing.ignore)
    return {"boxes": dict(labels.most_common()), "ignored": sum(thing.ignore for thing in every)}
