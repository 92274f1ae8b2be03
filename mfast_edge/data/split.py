"""Who trains, who judges, who is asked last: splits by content, repeatable and stable as files are added."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mfast_edge.data.report import Finding
from mfast_edge.data.sample import ANY, SPLITS, Dataset, Record
from mfast_edge.errors import UserError

Part = Sequence[Record]
Photos = tuple[Record, ...]
TRAIN, VAL, TRAINVAL = 0.70, 0.85, 0.90  # shares of the whole that end train, train + val; of trainval: train


class Cuts(Protocol):
    """How photos are cut where a split is missing."""

    def pool(self, part: Part) -> tuple[Photos, Photos, Photos]:
        """(train, val, test) of one pool."""

    def some(self, part: Part, share: float) -> tuple[Photos, Photos]:
        """(train, val) of photos that were given for both, `share` being train's."""

    def halves(self, part: Part) -> tuple[Photos, Photos]:
        """(val, test) of photos that were given for both."""


def assign(given: Mapping[str, Part], seed: int, cuts: Cuts | None = None) -> dict[str, Photos]:
    """The three splits made from the one to four `given` (train, val, test, trainval).

    All three given: as they are. One only: it is split 70/15/15. trainval without train: split 90/10. A
    missing val is taken from train (15 %). A missing test is half of val, since the giver vouches that val is
    apart from train, and nothing that was given for training is moved into the final proof. Other `cuts` have
    shares of their own.
    """
    cuts = cuts or ByContent(seed)
    parts = {name: by_name(part) for name, part in given.items()}
    if len(parts) == 1:
        return dict(zip(SPLITS, cuts.pool(next(iter(parts.values()))), strict=True))
    train, val = parts.get("train"), parts.get("val")
    if train is None:
        train, val = opened(parts.get("trainval", ()), val, cuts)
    if val is None:
        train, val = cuts.some(train, VAL)
    test = parts.get("test")
    if test is None:
        val, test = cuts.halves(val)
    return {"train": train, "val": val, "test": test}


def opened(both: Part, val: Part | None, cuts: Cuts) -> tuple[Photos, Photos]:
    """trainval as (train, val): without the given val, or 90/10."""
    if not both:
        raise UserError("data: no train split among those given; name one train or trainval")
    if val is None:
        return cuts.some(both, TRAINVAL)
    names = {record.name for record in val}
    return tuple(record for record in both if record.name not in names), tuple(val)


@dataclass(frozen=True, slots=True)
class ByContent:
    """Cuts by the hash of the content: a photo keeps its side when others are added."""

    seed: int

    def pool(self, part: Part) -> tuple[Photos, Photos, Photos]:
        """70/15/15."""
        train, rest = cut(part, TRAIN, self.seed, spare=2)
        return train, *cut(rest, VAL, self.seed)

    def some(self, part: Part, share: float) -> tuple[Photos, Photos]:
        """`share` for train."""
        return cut(part, share, self.seed)

    def halves(self, part: Part) -> tuple[Photos, Photos]:
        """Half for val."""
        return cut(part, 0.5, self.seed)


def cut(part: Part, share: float, seed: int, spare: int = 1) -> tuple[Photos, Photos]:
    """The photos whose place in [0, 1) lies below `share`, and the others.

    Where there are enough photos the first keeps one and the others `spare`: those nearest change sides.
    """
    places = sorted((place(record, seed), record.name, record) for record in part)
    low = sum(where < share for where, _, _ in places)
    low = min(max(low, 1), len(places) - spare) if len(places) > spare else low
    return by_name(row[2] for row in places[:low]), by_name(row[2] for row in places[low:])


def place(record: Record, seed: int) -> float:
    """The photo's place in [0, 1): equal contents have equal places, whatever their names."""
    digest = hashlib.sha256(f"{seed}:{record.sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def by_name(part: Iterable[Record]) -> Photos:
    return tuple(sorted(part, key=lambda record: record.name))


def leaks(splits: Mapping[str, Part]) -> list[Finding]:
    """A finding for every photo whose content is also in another split."""
    first: dict[str, tuple[str, str]] = {}
    found = []
    for name, part in splits.items():
        for record in part:
            other, where = first.setdefault(record.sha256, (name, record.name))
            if other != name:
                what = f"in {name}, the same photo as {where} in {other}"
                found.append(Finding(record.name, what, "kept in both: figures flatter"))
    return found


def twins(records: Iterable[Record], classes: Sequence[str]) -> list[Finding]:
    """A finding for every content that photos show with different classes, as objects or on the whole.

    It names the first of them by name; at least one must be wrong, and which is not for us to say.
    """
    same: dict[str, list[Record]] = defaultdict(list)
    for record in by_name({record.name: record for record in records}.values()):
        same[record.sha256].append(record)
    found = []
    for first, *others in same.values():
        for other in others:
            if not agree(first, other):
                here, there = (", ".join(classes[label] for label in sorted(shown(one))) for one in (other, first))
                what = f"shows {here or 'nothing'}, the same photo as {first.name}, which shows {there or 'nothing'}"
                found.append(Finding(other.name, what, "both kept: one of them is wrong"))
    return found


def agree(one: Record, other: Record) -> bool:
    """Whether both can be true: on a photo labelled only as a whole there may be objects of other classes too."""
    mine, theirs = shown(one), shown(other)
    return mine == theirs or (whole(one) and mine <= theirs) or (whole(other) and theirs <= mine)


def whole(record: Record) -> bool:
    """Whether the photo has classes but was not searched for objects."""
    return bool(record.truth.labels) and bool(record.truth.ignore.all())


def shown(record: Record) -> set[int]:
    """The classes on a photo."""
    return {*record.truth.classes.tolist(), *record.truth.labels} - {ANY}


def calibration(dataset: Dataset, n: int, seed: int) -> tuple[Record, ...]:
    """`n` photos of train (all, if fewer) for calibrating int8, the same for the same seed and photos."""
    train = dataset.splits["train"]
    return tuple(sorted(train, key=lambda record: (place(record, seed), record.name))[:n])
