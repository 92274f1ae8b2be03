"""Photos that show one class each, as a classifier learns them: which suit, how they are dealt, how many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mfast_edge.data.dealing import Split
from mfast_edge.data.draft import Raw
from mfast_edge.data.report import Finding, aligned
from mfast_edge.data.sample import SPLITS, Dataset, Record
from mfast_edge.errors import UserError

TASK = "classify"
USUAL = Split(by=("class",), folds=7)  # where the data bring no lists: 71/14/14, every class in each
MANY = 40  # classes that a terminal has lines for
Given = Mapping[str, Sequence[Record]]
Photos = tuple[Record, ...]


def covering(raw: Raw) -> tuple[Raw, list[Finding]]:
    """The data without their lists where those name no photo of some class: it would never be learnt."""
    listed = {name for names in raw.splits.values() for name in names}
    there = {label for draft in raw.drafts for label in draft.labels}
    known = {label for draft in raw.drafts for label in draft.labels if draft.name in listed}
    if not listed or not known or there == known:
        return raw, []
    lost = ", ".join(raw.classes[label] for label in sorted(there - known))
    done = "lists not used: all photos are dealt by class and content"
    return replace(raw, splits={}), [Finding(".", f"its lists of splits name no photo of {lost}", done)]


def single(given: Given) -> tuple[dict[str, list[Record]], list[Finding]]:
    """The photos with exactly one class as a whole, and a finding for the others."""
    kept = {part: [one for one in records if len(one.truth.labels) == 1] for part, records in given.items()}
    others = {one.name: len(one.truth.labels) for records in given.values() for one in records}
    found = []
    for what, names in (
        ("no class of their own", [name for name, count in others.items() if not count]),
        ("several classes, and a classifier says one", [name for name, count in others.items() if count > 1]),
    ):
        if names:
            found.append(Finding(".", f"{len(names)} photos have {what}, the first being {names[0]}", "left out"))
    return kept, found


def suits(spec: str, given: Given) -> None:
    """UserError where no photo has a class of its own."""
    if any(given.values()) and not any(one.truth.labels for records in given.values() for one in records):
        raise UserError(
            f"data: {spec}: no photo with a class of its own; a classifier learns from one class per photo, so class"
            " folders, as in --data folders:PATH, would be right"
        )


def apart(splits: Mapping[str, Photos], classes: Sequence[str]) -> tuple[dict[str, Photos], list[Finding]]:
    """The splits without the photos whose content is in a later one too, and a finding for each of these."""
    kept, found = dict[str, Photos](), list[Finding]()
    later: dict[str, tuple[str, Record]] = {}
    for part in reversed(SPLITS):
        double = [one for one in splits[part] if one.sha256 in later]
        kept[part] = tuple(one for one in splits[part] if one.sha256 not in later)
        for one in double:
            where, other = later[one.sha256]
            what = f"in {part} as {named(one, classes)}, the same photo as {other.name} in {where}"
            found.append(Finding(one.name, f"{what} as {named(other, classes)}", f"left out of {part}"))
        later |= {one.sha256: (part, one) for one in kept[part]}
    return {part: kept[part] for part in SPLITS}, found


def named(one: Record, classes: Sequence[str]) -> str:
    """The class that a photo shows."""
    return classes[one.truth.labels[0]]


def demand(spec: str, splits: Given, classes: Sequence[str]) -> list[Finding]:
    """A finding for each class that cannot be learnt or judged. UserError where there is but one to tell apart."""
    shown = {part: {one.truth.labels[0] for one in records} for part, records in splits.items()}
    if len(shown["train"]) < 2:
        names = ", ".join(classes[label] for label in sorted(shown["train"])) or "none"
        raise UserError(f"data: {spec}: photos to train on of {names} alone; two classes or more would be right")
    there = set().union(*shown.values())
    empty = [name for label, name in enumerate(classes) if label not in there]
    return [Finding(".", f"{name} has no photo", "a class that will never be said") for name in empty] + [
        Finding(".", f"{name} has no photo in {part}", done)
        for part, done in (("train", "it will never be said"), ("val", "not judged"), ("test", "not proven"))
        for label, name in enumerate(classes)
        if label in there and label not in shown[part]
    ]


def counts(data: Dataset) -> dict[str, list[int]]:
    """{class: photos in train, val and test}."""
    shown = [[one.truth.labels for one in data.splits[part]] for part in SPLITS]
    return {name: [labels.count((label,)) for labels in shown] for label, name in enumerate(data.classes)}


def counted(told: Mapping[str, Sequence[int]]) -> list[list[str]]:
    """The same as rows of cells, a head first."""
    rows = {**told, "all": [sum(column) for column in zip(*told.values(), strict=True)]}
    return [["class", *SPLITS, "all"], *([name, *map(str, row), str(sum(row))] for name, row in rows.items())]


def lines(data: Dataset) -> list[str]:
    """The same as text, of many classes the first MANY and the sum; nothing of data for another task."""
    if data.task != TASK:
        return []
    *rows, total = aligned(counted(counts(data)))
    more = len(data.classes) - MANY
    return [*rows, total] if more <= 0 else [*rows[: MANY + 1], f"… and {more} more classes", total]
