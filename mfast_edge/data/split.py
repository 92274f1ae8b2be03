"""Who trains, who judges, who is asked last: splits by content, repeatable and stable as files are added."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from mfast_edge.data.report import Finding
from mfast_edge.data.sample import Dataset, Record
from mfast_edge.errors import UserError

Part = Sequence[Record]
TRAIN, VAL, TRAINVAL = 0.70, 0.85, 0.90  # shares of the whole that end train, train + val; of trainval: train


def assign(given: Mapping[str, Part], seed: int) -> dict[str, tuple[Record, ...]]:
    """The three splits made from the one to four `given` (train, val, test, trainval).

    All three given: as they are. One only: it is split 70/15/15. trainval without train: split 90/10. A
    missing val is taken from train (15 %). A missing test is half of val, since the giver vouches that val is
    apart from train, and nothing that was given for training is moved into the final proof.
    """
    parts = {name: by_name(part) for name, part in given.items()}
    if len(parts) == 1:
        return afresh(next(iter(parts.values())), seed)
    train, val = parts.get("train"), parts.get("val")
    if train is None:
        train, val = opened(parts.get("trainval", ()), val, seed)
    if val is None:
        train, val = cut(train, VAL, seed)
    test = parts.get("test")
    if test is None:
        val, test = cut(val, 0.5, seed)
    return {"train": train, "val": val, "test": test}


def opened(both: Part, val: Part | None, seed: int) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """trainval as (train, val): without the given val, or 90/10."""
    if not both:
        raise UserError("data: no train split among those given; name one train or trainval")
    if val is None:
        return cut(both, TRAINVAL, seed)
    names = {record.name for record in val}
    return tuple(record for record in both if record.name not in names), tuple(val)


def afresh(pool: Part, seed: int) -> dict[str, tuple[Record, ...]]:
    """70/15/15 of one pool."""
    train, rest = cut(pool, TRAIN, seed, spare=2)
    val, test = cut(rest, VAL, seed)
    return {"train": train, "val": val, "test": test}


def cut(part: Part, share: float, seed: int, spare: int = 1) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
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


def by_name(part: Iterable[Record]) -> tuple[Record, ...]:
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


def calibration(dataset: Dataset, n: int, seed: int) -> tuple[Record, ...]:
    """`n` photos of train (all, if fewer) for calibrating int8, the same for the same seed and photos."""
    train = dataset.splits["train"]
    return tuple(sorted(train, key=lambda record: (place(record, seed), record.name))[:n])
