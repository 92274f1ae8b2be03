"""Data in the classes of a union or of a class map: kinds and labels renumbered, what is dropped counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mfast_edge.data.classes import OPTION, REST, ClassMap, few, plain
from mfast_edge.data.draft import UNKNOWN, Draft, Raw, Thing
from mfast_edge.data.report import Finding
from mfast_edge.data.sample import ANY
from mfast_edge.errors import UserError

Fate = tuple[int, bool]  # class number or ANY, whether ignored


def united(raws: Sequence[Raw]) -> tuple[Raw, ...]:
    """The same data with one list of classes: the union by name, in the order in which they first come."""
    if len(raws) < 2:
        return tuple(raws)
    first: dict[str, str] = {}
    for name in (name for raw in raws for name in raw.classes):
        first.setdefault(plain(name), name)
    return tuple(joined(raw, first) for raw in raws)


def joined(raw: Raw, first: Mapping[str, str]) -> Raw:
    """`raw` in the classes of the union; what it writes otherwise is a finding."""
    every = tuple(first.values())
    names = [first[plain(name)] for name in raw.classes]
    other = [f"{old} is {new}" for old, new in zip(raw.classes, names, strict=True) if old != new]
    findings = [Finding(".", f"classes written otherwise than before: {few(other)}", "taken as one")] if other else []
    return turned(raw, every, [(every.index(name), False) for name in names], findings)


def candid(raw: Raw, own: Iterable[str], rule: ClassMap | None) -> Raw:
    """`raw` with a finding for the classes that its annotators, whose classes were `own`, could not have marked."""
    meant = [meaning(rule, name) if rule else (name, False) for name in own]
    reached = {plain(one[0]) for one in meant if one}
    absent = [name for name in raw.classes if plain(name) not in reached]
    if not absent or not any(draft.things for draft in raw.drafts):
        return raw
    what = f"{few(absent)} not annotated here, but in another source"
    done = "such objects count as background in these photos"
    return replace(raw, findings=(*raw.findings, Finding(".", what, done)))


def mapped(raws: Sequence[Raw], rule: ClassMap) -> tuple[Raw, ...]:
    """Data of one list of classes after a class map. UserError where no class is left.

    A class of the map that nothing becomes is not there; what the map drops is counted in the findings.
    """
    old = raws[0].classes
    meant = [meaning(rule, name) for name in old]
    found = [one[0] for one in meant if one and not one[1]]
    kept = tuple(dict.fromkeys([*(new for new in rule.classes if new in found), *found]))
    if not kept:
        raise UserError(
            f"{OPTION}: nothing becomes {few(rule.classes) or 'a class'}; the data have {few(old)}, and a map that"
            " names some of them would be right"
        )
    fates = [fate(one, kept) for one in meant]
    lost = [new for new in rule.classes if new not in kept]
    told = [Finding(".", f"{OPTION}: no class of the data becomes {few(lost)}", "class left out")] if lost else []
    return tuple(turned(raw, kept, fates, [] if place else told) for place, raw in enumerate(raws))


def meaning(rule: ClassMap, name: str) -> tuple[str, bool] | None:
    """(the new class, or REST for any; whether ignored) of a class of the data; none: dropped."""
    for room, ignored in ((rule.classes, False), (rule.ignore, True)):
        for new, olds in room.items():
            if plain(name) in map(plain, olds):
                return new, ignored
    if rest := [new for new, olds in rule.classes.items() if REST in olds]:
        return rest[0], False
    if rule.others == "ignore":
        return REST, True
    same = next((new for new in rule.classes if plain(new) == plain(name)), name)
    return (same, False) if rule.others == "keep" else None


def fate(meant: tuple[str, bool] | None, kept: Sequence[str]) -> Fate | None:
    """The number and flag that objects get; none: dropped, as is what would be ignored in a class that is not there."""
    if meant is None or (meant[0] != REST and meant[0] not in kept):
        return None
    return (ANY if meant[0] == REST else kept.index(meant[0])), meant[1]


def turned(raw: Raw, classes: tuple[str, ...], fates: Sequence[Fate | None], findings: list[Finding]) -> Raw:
    """`raw` with its things and labels renumbered or dropped; a photo that loses all its labels goes with them."""
    before = {draft.name: draft for draft in raw.drafts}
    after = {name: drafted(draft, fates) for name, draft in before.items()}
    bare = [name for name, draft in after.items() if before[name].labels and not draft.labels and not draft.things]
    gone = dropped(raw, fates)
    if gone:
        what = f"{OPTION}: {sum(gone.values())} objects of classes that it drops: {few(gone)}"
        findings = [*findings, Finding(".", what, "left out; they count as background")]
    if bare:
        what = f"{OPTION}: {len(bare)} photos labelled as a whole with classes that it drops"
        findings = [*findings, Finding(".", what, "photos left out")]
    drafts = tuple(drafted(draft, fates) for draft in raw.drafts if draft.name not in bare)
    splits = {part: tuple(name for name in names if name not in bare) for part, names in raw.splits.items()}
    return replace(raw, classes=classes, drafts=drafts, splits=splits, findings=(*raw.findings, *findings))


def drafted(draft: Draft, fates: Sequence[Fate | None]) -> Draft:
    """One photo with new class numbers; a label that would only be ignored is dropped."""
    things = tuple(thing for one in draft.things if (thing := made(one, fates)))
    found = [fates[number] for number in draft.labels]
    labels = tuple(dict.fromkeys(one[0] for one in found if one and not one[1]))
    return replace(draft, things=things, labels=labels)


def made(thing: Thing, fates: Sequence[Fate | None]) -> Thing | None:
    """One object with its new class number; none: dropped."""
    if thing.kind in (UNKNOWN, ANY):
        return thing
    found = fates[thing.kind]
    return replace(thing, kind=found[0], ignore=thing.ignore or found[1]) if found else None


def dropped(raw: Raw, fates: Sequence[Fate | None]) -> Counter[str]:
    """How many objects of which class the fates drop."""
    kinds = (thing.kind for draft in raw.drafts for thing in draft.things if thing.kind >= 0)
    return Counter(raw.classes[kind] for kind in kinds if fates[kind] is None)
