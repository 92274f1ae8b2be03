"""What may vary in a search: dotted setting names, each with its range or its choices, and when it is there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from search.knobs import Categorical, Float, Int, Knob, Value, at, build, count, holds, mistakes, snap

if TYPE_CHECKING:  # reading a space must not load optuna
    import optuna

__all__ = ["Categorical", "Float", "Int", "Knob", "Space", "SpaceError", "Value", "holds"]
Space = Mapping[str, Knob]
MANY = 100_000  # values of conditions that hang together, above which settings are not counted


class SpaceError(ValueError):
    """A space that cannot be searched; the sentence names every mistake in it."""


def load(path: Path) -> Space:
    """Return the space in a YAML file. Raises SpaceError that begins with the path."""
    try:
        return parse(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, SpaceError) as error:
        raise SpaceError(f"{path}: {' '.join(str(error).split())}") from error


def parse(mapping: object) -> Space:
    """Return the space of {name: {type, low, high, step, log, choices, gain, when}}.

    `when` is {other: [values]}, or a list of such: the knob is there only where every other one is and took
    one of its values. Raises one SpaceError with all mistakes.
    """
    if not isinstance(mapping, Mapping) or not mapping:
        raise SpaceError(f"space: got {mapping!r}; wanted setting names, each with a type and its limits")
    if wrong := [f"{name}: {mistake}" for name, entry in mapping.items() for mistake in mistakes(name, entry)]:
        raise SpaceError("; ".join(wrong))
    space = {name: build(entry) for name, entry in mapping.items()}
    if wrong := [f"{name}: {mistake}" for name in space for mistake in _unmet(space, name)]:
        raise SpaceError("; ".join(wrong))
    return space


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Value]:
    """Return a value for every name that is there, drawn in the order of the names, each after those that it
    hangs on: a file's order changes nothing."""
    drawn: dict[str, Value] = {}
    for name in order(space):
        if present(space[name], drawn):
            drawn[name] = snap(space[name], SUGGEST[type(space[name])](trial, name, space[name]))
    return {name: drawn[name] for name in sorted(drawn)}


def present(knob: Knob, values: Mapping[str, Value]) -> bool:
    """Whether a knob is there, given the values of those that it hangs on."""
    return all(other in values and values[other] in wanted for other, wanted in knob.when)


def whole(space: Space, values: Mapping[str, Value]) -> bool:
    """Whether these settings have a value for each knob that is there, and for no other."""
    there = {name for name in space if name in values and present(space[name], values)}
    return there == values.keys() and all(name in there or not present(space[name], values) for name in space)


def order(space: Space) -> list[str]:
    """The names, sorted, but each after those that it hangs on."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name not in found:
            for other, _ in space[name].when:
                visit(other)
            found.append(name)

    for name in sorted(space):
        visit(name)
    return found


def size(space: Space) -> int | None:
    """How many settings a space holds; None: without end, or too many conditions hang together to count."""
    counts = [_total(part) for part in _parts(space)]
    return None if None in counts else math.prod(counts)  # type: ignore[arg-type]


def point(space: Space, number: int) -> dict[str, Value]:
    """The settings of this number, below `size`, of a space that has one."""
    found: dict[str, Value] = {}
    for part in _parts(space):
        number, place = divmod(number, _total(part) or 1)
        found |= _point(part, place)
    return {name: found[name] for name in sorted(found)}


def snapped(space: Space, values: Mapping[str, Any]) -> dict[str, Value]:
    """The same settings with every number of a stepped range as it is written: 0.6, not 0.6000000000000001."""
    return {name: snap(space[name], values[name]) for name in sorted(values)}


def _parts(space: Space) -> list[Space]:
    """The space cut into groups of knobs whose conditions hang together, in the order of their first names."""
    part_of = {name: {name} for name in sorted(space)}
    for name in sorted(space):
        for other, _ in space[name].when:
            joined = part_of[name] | part_of[other]
            part_of |= dict.fromkeys(joined, joined)
    firsts = [name for name in sorted(space) if name == min(part_of[name])]
    return [{name: space[name] for name in order(space) if name in part_of[first]} for first in firsts]


def _total(part: Space) -> int | None:
    cases = _cases(part)
    counts = None if cases is None else [_free(part, case) for case in cases]
    return None if counts is None or None in counts else sum(counts)  # type: ignore[arg-type]


def _point(part: Space, place: int) -> dict[str, Value]:
    """The settings at this place of one part."""
    for case in _cases(part) or ():
        if place < (free := _free(part, case) or 0):
            found = dict(case)
            for name in sorted(part.keys() - _deciders(part)):
                if present(part[name], case):
                    place, here = divmod(place, count(part[name]) or 1)
                    found[name] = at(part[name], here)
            return found
        place -= free
    raise AssertionError("a place beyond the end of a space")


def _deciders(part: Space) -> set[str]:
    return {other for knob in part.values() for other, _ in knob.when}


def _cases(part: Space) -> list[dict[str, Value]] | None:
    """The values that the knobs which decide over others may take together; None: too many."""
    cases: list[dict[str, Value]] = [{}]
    deciders = _deciders(part)
    for name in (name for name in order(part) if name in deciders):
        if (values := count(part[name])) is None or len(cases) * values > MANY:
            return None
        cases = list(itertools.chain.from_iterable(_split(case, name, part[name], values) for case in cases))
    return cases


def _split(case: dict[str, Value], name: str, knob: Knob, values: int) -> Iterator[dict[str, Value]]:
    if not present(knob, case):
        yield case
    else:
        yield from ({**case, name: at(knob, place)} for place in range(values))


def _free(part: Space, case: Mapping[str, Value]) -> int | None:
    """How many settings there are where the deciding knobs took these values."""
    counts = [count(part[name]) for name in part.keys() - _deciders(part) if present(part[name], case)]
    return None if None in counts else math.prod(counts)  # type: ignore[arg-type]


def _unmet(space: Space, name: str) -> list[str]:
    """What is wrong with the conditions of a knob."""
    wrong = []
    for other, values in space[name].when:
        if other not in space:
            wrong.append(f"when names {other}, which is no setting of this space")
        elif odd := [value for value in values if not holds(space[other], value)]:
            wrong.append(f"when wants {odd[0]!r} of {other}, which never takes it")
        elif _hangs(space, other, name):
            wrong.append(f"when names {other}, which itself hangs on {name}")
    return wrong


def _hangs(space: Space, name: str, on: str) -> bool:
    """Whether a knob hangs on another, by its own conditions or those of the ones that it names."""
    seen, ahead = set(), [name]
    while ahead:
        here = ahead.pop()
        if here == on:
            return True
        if here not in seen:
            seen.add(here)
            ahead += [other for other, _ in space[here].when if other in space]
    return False


def _int(trial: optuna.Trial, name: str, knob: Int) -> Value:
    return trial.suggest_int(name, knob.low, knob.high, step=knob.step, log=knob.log)


def _float(trial: optuna.Trial, name: str, knob: Float) -> Value:
    return trial.suggest_float(name, knob.low, knob.high, step=knob.step, log=knob.log)


def _categorical(trial: optuna.Trial, name: str, knob: Categorical) -> Value:
    return trial.suggest_categorical(name, knob.choices)


SUGGEST: dict[type, Callable[[optuna.Trial, str, Any], Value]] = {
    Int: _int,
    Float: _float,
    Categorical: _categorical,
}
