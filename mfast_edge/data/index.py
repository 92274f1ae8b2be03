"""From `voc:PATH` to a checked, split data set."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mfast_edge.data import silver, split, whole
from mfast_edge.data.check import Checker
from mfast_edge.data.classes import ClassMap
from mfast_edge.data.dealing import Deal, Split
from mfast_edge.data.draft import Draft, Raw
from mfast_edge.data.facts import look
from mfast_edge.data.folds import Folds
from mfast_edge.data.report import Finding, Report
from mfast_edge.data.sample import SPLITS, Dataset, Record
from mfast_edge.data.source import Source, gathered, named
from mfast_edge.errors import UserError
from mfast_edge.settings import check

Splits = Mapping[str, tuple[Record, ...]]
Given = Mapping[str, Sequence[Record]]
Named = TypeVar("Named", Record, Finding)


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides splits and classes; with `trains`, every split must have a box, or for `task` classify a class."""

    seed: int = 0
    how: Split | None = None
    classes: ClassMap | None = None
    trains: bool = True
    task: str = "detect"


@dataclass(frozen=True, slots=True)
class Part:
    """What one source gives: its splits, the photos that were dealt into them, how, and what was found."""

    splits: Splits
    photos: tuple[Record, ...]
    deals: tuple[Deal, ...]
    findings: tuple[Finding, ...]


def read(  # noqa: PLR0913 - what decides a data set, by keyword
    spec: str,
    *,
    cache: Path,
    seed: int = 0,
    how: Split | None = None,
    classes: ClassMap | None = None,
    task: str = "detect",
) -> Dataset:
    """The data set that `spec` names: FORMAT:PATH, particles, particles:COUNT, particles:COUNTxSIZE, or several
    of them joined by `+`.

    Facts about images, and drawn particles, are kept in the folder `cache`; `seed`, and `how` if given, decide
    the splits that the data do not bring; `classes` says what their classes are called. Joined sets have the
    union of their classes by name; each keeps its own splits, or is dealt by itself. Every split has a box to be
    found. For the `task` classify photos without exactly one class as a whole are left out, and what brings no
    split, or lists that lack a class, is dealt by class and content. Raises UserError for a spec or data that cannot
    be used.
    """
    return ruled(spec, cache, Rules(seed, how, classes, task=task))


def measurable(  # noqa: PLR0913 - as above
    spec: str,
    *,
    cache: Path,
    seed: int = 0,
    how: Split | None = None,
    classes: ClassMap | None = None,
    task: str = "detect",
) -> Dataset:
    """The same for measuring only: splits may be empty, photos labelled only as a whole, `how` is not asked of
    data with fewer photos than folds."""
    return ruled(spec, cache, Rules(seed, how, classes, trains=False, task=task))


def again(told: Mapping[str, Any], *, cache: Path, spec: str | None = None, seed: int | None = None) -> Dataset:
    """The data of a run's page, read as they were then; or those of another `spec`, by the same rules."""
    classes = check(ClassMap, told["mapping"], "classes") if told.get("mapping") else None
    seed = told.get("seed", 0) if seed is None else seed
    task = told.get("task", "detect")
    return read(spec or told["spec"], cache=cache, seed=seed, how=dealt(told), classes=classes, task=task)


def dealt(told: Mapping[str, Any]) -> Split | None:
    """How the data of a run's page were split, if they did not bring it."""
    return check(Split, told["split"], "split") if told.get("split") else None


def ruled(spec: str, cache: Path, rules: Rules) -> Dataset:
    """The sources of a spec, each by the rules, as one data set."""
    sources = gathered(spec, cache, rules.classes)
    homes = [one.home for one in sources]
    names = sources[0].raw.classes
    parts = alloyed(spec, sources, [part(source, cache, rules) for source in sources])
    splits = {name: tuple(record for one in parts for record in one.splits[name]) for name in SPLITS}
    photos = [record for one in parts for record in one.photos]
    alike = list[Finding]()
    if rules.task == whole.TASK:
        splits, alike = whole.apart(splits, names)
        photos = [record for records in splits.values() for record in records]
    alike += demand(spec, splits, names, rules.task) if rules.trains else []
    alike += [*split.leaks(splits), *split.twins(photos, names)]
    return Dataset(
        name="+".join(named(one.spec, one.root) for one in sources)
        + (f"-{rules.classes.name}" if rules.classes else ""),
        spec="+".join(one.again for one in sources),
        format="+".join(one.form for one in sources),
        root=Path(os.path.commonpath([home.resolve() for home in homes])) if len(homes) > 1 else homes[0],
        classes=names,
        splits=splits,
        report=Report((*(finding for one in parts for finding in one.findings), *alike)),
        digest=digest(splits, names),
        how=rules.how,
        deals=tuple(deal for one in parts for deal in one.deals),
        mapping=rules.classes.model_dump(mode="json") if rules.classes else None,
        task=rules.task,
    )


def alloyed(spec: str, sources: Sequence[Source], parts: Sequence[Part]) -> list[Part]:
    """The parts, those of silver without what is gold too. UserError where there is no gold."""
    made = [source.form == silver.FORM for source in sources]
    if all(made):
        raise UserError(
            f"data: {spec}: a network's labels alone; gold data before them, voc:PATH+{spec}, would be right"
        )
    gold = [record for one, by_network in zip(parts, made, strict=True) if not by_network for record in one.photos]
    found = []
    for one, by_network in zip(parts, made, strict=True):
        kept, findings = silver.apart(one.splits["train"], gold) if by_network else (one.splits["train"], [])
        splits = {**one.splits, "train": kept}
        photos = kept if by_network else one.photos
        found.append(replace(one, splits=splits, photos=photos, findings=(*one.findings, *findings)))
    return found


def part(source: Source, cache: Path, rules: Rules) -> Part:
    """One source, checked and split, its photos and findings under its title."""
    raw, early = whole.covering(source.raw) if rules.task == whole.TASK else (source.raw, [])
    source = replace(source, raw=raw)
    known, found = taken(source, cache, rules)
    given = {name: [called(record, source.title) for record in records] for name, records in known.items()}
    folds = dealer(source, given, rules)
    splits = assigned(source, given, rules, folds)
    photos = tuple(record for records in given.values() for record in records)
    findings = tuple(called(one, source.title) for one in (*source.raw.findings, *early, *found))
    return Part(splits, photos, tuple(folds.deals) if folds and rules.how else (), findings)


def taken(source: Source, cache: Path, rules: Rules) -> tuple[dict[str, list[Record]], list[Finding]]:
    """The sound records of each split that suit the task, and all findings on the way."""
    known, found = checked(source.raw, cache)
    if rules.task != whole.TASK:
        return known, found
    whole.suits(source.spec, known)
    kept, late = whole.single(known)
    return kept, found + late


def called(one: Named, title: str) -> Named:
    """A record or finding under the title of its source."""
    if not title:
        return one
    if isinstance(one, Record):
        return replace(one, name=f"{title}/{one.name}")
    return replace(one, path=f"{title}/{one.path}" if one.path != "." else title)


def checked(raw: Raw, cache: Path) -> tuple[dict[str, list[Record]], list[Finding]]:
    """The sound records of each split as given (of one pool, if none are), and all findings on the way."""
    drafts, twice = unique(raw.drafts)
    parts = {part: tuple(dict.fromkeys(names)) for part, names in raw.splits.items()} or {"all": tuple(drafts)}
    wanted = {name: drafts[name] for part in parts.values() for name in part}
    facts = look([draft.path for draft in wanted.values()], cache)
    checker = Checker(raw.relative, unlisted(len(drafts) - len(wanted)))
    records = {name: checker.record(draft, facts.get(draft.path)) for name, draft in wanted.items()}
    given = {part: [one for name in names if (one := records[name])] for part, names in parts.items()}
    return given, twice + checker.findings


def unique(drafts: Iterable[Draft]) -> tuple[dict[str, Draft], list[Finding]]:
    """The drafts by name; a photo that is annotated again, and otherwise, keeps what came first."""
    kept: dict[str, Draft] = {}
    findings = []
    for draft in drafts:
        if kept.setdefault(draft.name, draft) != draft:
            what = "annotated more than once, and not alike"
            findings.append(Finding(draft.name, what, "all but the first annotation left out"))
    return kept, findings


def unlisted(count: int) -> list[Finding]:
    return [Finding(".", f"{count} annotated photos are in no split", "left out")] if count else []


def dealer(source: Source, given: Given, rules: Rules) -> Folds | None:
    """What deals the photos, if they are to be dealt: data that are only measured on may be too few for it, and so
    may be those that nobody asked to deal by class."""
    usual = whole.USUAL if rules.task == whole.TASK else None
    how, bound = rules.how or usual, rules.trains and rules.how
    if how is None or (not bound and min(map(len, given.values())) < how.folds):
        return None
    return Folds(how, source.raw.classes, rules.seed, source.title)


def assigned(source: Source, given: Given, rules: Rules, folds: Folds | None) -> Splits:
    """All three splits; raises where photos were given for one, or it needs them, and none can be read.

    What a network labelled is learnt from and never measured on.
    """
    if source.form == silver.FORM:
        return {"train": tuple(given["train"]) if rules.trains else (), "val": (), "test": ()}
    empty = [name for name, records in given.items() if not records]
    if empty and (rules.trains or len(empty) == len(given)):
        raise UserError(lacking(source.spec, empty, source.raw))
    if not rules.trains and len(given) > 1 and (empty or not {"train", "trainval"} & set(given)):
        return {name: tuple(given.get(name, ())) for name in SPLITS}
    splits = split.assign({name: records for name, records in given.items() if records}, rules.seed, folds)
    return {**splits, "train": folds.mini(splits["train"])} if folds else splits


def demand(spec: str, splits: Splits, classes: Sequence[str], task: str) -> list[Finding]:
    """What the splits lack. Raise where one has no photo, or nothing that could be learnt or found."""
    if empty := [part for part, records in splits.items() if not records]:
        raise UserError(lacking(spec, empty))
    if task == whole.TASK:
        return whole.demand(spec, splits, classes)
    bare = [part for part, records in splits.items() if not boxes(records)]
    if len(bare) == len(splits) and all(record.truth.labels for part in bare for record in splits[part]):
        raise UserError(
            f"data: {spec}: photos with a class each, but not one box; a detector learns from boxes, so a set"
            " with boxes, alone or joined to this one by +, or a model that classifies, would be right"
        )
    if bare:
        raise UserError(
            f"data: {spec}: no box to be found in {', '.join(bare)}; each of train, val and test needs"
            " a photo with an object that is not marked difficult or crowd"
        )
    return []


def lacking(spec: str, empty: Iterable[str], raw: Raw | None = None) -> str:
    """Which splits have no photo, and an annotated photo that is not there."""
    absent = [draft for draft in raw.drafts if not os.path.isfile(draft.path)] if raw else []
    where = f"; {len(absent)} annotated photos are not there, the first being {absent[0].name}" if absent else ""
    return f"data: {spec}: no readable photos for {', '.join(empty)}; each of train, val and test needs one{where}"


def boxes(records: Sequence[Record]) -> int:
    """How many boxes are to be learnt or found, the ignored ones not among them."""
    return sum(int((~record.truth.ignore).sum()) for record in records)


def digest(splits: Splits, classes: tuple[str, ...]) -> str:
    """The sha256 of everything that decides what is learnt and measured, but not of where it lies."""
    total = hashlib.sha256(repr(classes).encode())
    for part, records in splits.items():
        for record in records:
            truth = record.truth
            total.update(repr((part, record.name, record.sha256, record.rotate, truth.labels)).encode())
            for values in (truth.boxes, truth.classes, truth.ignore):
                total.update(values.tobytes())
            total.update(repr(truth.masks).encode())
    return total.hexdigest()
