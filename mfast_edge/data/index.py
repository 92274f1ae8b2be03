"""From `voc:PATH` to a checked, split data set."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from mfast_edge.data import particles, split
from mfast_edge.data.check import Checker
from mfast_edge.data.dealing import Split
from mfast_edge.data.draft import Draft, Raw
from mfast_edge.data.facts import look
from mfast_edge.data.folds import Folds
from mfast_edge.data.report import Finding, Report
from mfast_edge.data.sample import Dataset, Record
from mfast_edge.errors import UserError
from mfast_edge.settings import check

FORMATS = {  # name → module with read(root) -> Raw
    "voc": "mfast_edge.data.voc",
    "coco": "mfast_edge.data.coco",
    "yolo": "mfast_edge.data.yolo",
    "particles": "mfast_edge.data.coco",
}
Splits = Mapping[str, tuple[Record, ...]]


def read(spec: str, *, cache: Path, seed: int = 0, how: Split | None = None) -> Dataset:
    """The data set that `spec` names: FORMAT:PATH, particles, particles:COUNT or particles:COUNTxSIZE.

    Facts about images, and drawn particles, are kept in the folder `cache`; `seed`, and `how` if given, decide
    the splits that the data do not bring. Raises UserError for a spec or data that cannot be used.
    """
    form, root = located(spec, cache)
    raw: Raw = import_module(FORMATS[form]).read(root)
    refuse(spec, raw)
    given, findings = checked(raw, cache)
    folds = Folds(how, raw.classes, seed) if how else None
    splits = assigned(spec, given, seed, folds)
    home = root if root.is_dir() else root.parent
    everything = [record for part in given.values() for record in part]
    alike = [*split.leaks(splits), *split.twins(everything, raw.classes)]
    report = Report((*raw.findings, *findings, *alike))
    full = spec if form == "particles" else f"{form}:{root.resolve()}"
    deals = tuple(folds.deals) if folds else ()
    total = digest(splits, raw.classes)
    return Dataset(named(spec, root), full, form, home, raw.classes, splits, report, total, how, deals)


def again(told: Mapping[str, Any], *, cache: Path, spec: str | None = None, seed: int | None = None) -> Dataset:
    """The data of a run's page, split as they were then; or those of another `spec`, by the same rules."""
    how = check(Split, told["split"], "split") if told.get("split") else None
    return read(spec or told["spec"], cache=cache, seed=told.get("seed", 0) if seed is None else seed, how=how)


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
    return form, root


def named(spec: str, root: Path) -> str:
    """A short name for runs: the folder's, or the file's without its suffix; `particles` and their order."""
    if spec.startswith("particles"):
        return spec.replace(":", "-").rstrip("-")
    path = root.resolve()
    return path.name if path.is_dir() else path.stem


def refuse(spec: str, raw: Raw) -> None:
    """Raise where there is nothing to read or to learn."""
    if not raw.drafts:
        raise UserError(f"data: {spec}: no annotated photos found; is it the right folder and format?")
    if not raw.classes:
        raise UserError(f"data: {spec}: no class names found; add labels.txt with one name per line")


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


def assigned(spec: str, given: Mapping[str, list[Record]], seed: int, folds: Folds | None = None) -> Splits:
    """All three splits; raises where one has no photo or no box left, whether as given or after the checks."""
    empty = [part for part, records in given.items() if not records]
    splits = {} if empty else split.assign(given, seed, folds)
    if folds and splits:
        splits["train"] = folds.mini(splits["train"])
    empty += [part for part, records in splits.items() if not records]
    if empty:
        raise UserError(
            f"data: {spec}: no readable photos for {', '.join(empty)}; each of train, val and test needs one"
        )
    if bare := [part for part, records in splits.items() if not boxes(records)]:
        raise UserError(
            f"data: {spec}: no box to be found in {', '.join(bare)}; each of train, val and test needs"
            " a photo with an object that is not marked difficult or crowd"
        )
    return splits


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
