"""What may vary in a search: dotted setting names, each with its range or its choices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:  # reading a space must not load optuna
    import optuna

Value = int | float | str | bool | None
ODD_NUMBER = " (YAML reads 1e-4 as text and 1.0e-4 as a number)"


class SpaceError(ValueError):
    """A space that cannot be searched; the sentence names every mistake in it."""


@dataclass(frozen=True, slots=True)
class Int:
    """Whole numbers low..high, both included, in steps, or spread evenly over their logarithm."""

    low: int
    high: int
    step: int = 1
    log: bool = False


@dataclass(frozen=True, slots=True)
class Float:
    """Numbers low..high, both included, in steps if there is one, or spread over their logarithm."""

    low: float
    high: float
    step: float | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several values without an order."""

    choices: tuple[Value, ...]


Knob = Int | Float | Categorical
Space = Mapping[str, Knob]


def load(path: Path) -> Space:
    """Return the space in a YAML file. Raises SpaceError that begins with the path."""
    try:
        return parse(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, SpaceError) as error:
        raise SpaceError(f"{path}: {' '.join(str(error).split())}") from error


def parse(mapping: object) -> Space:
    """Return the space of {name: {type, low, high, step, log, choices}}.

    Raises one SpaceError with all mistakes.
    """
    if not isinstance(mapping, Mapping) or not mapping:
        raise SpaceError(f"space: got {mapping!r}; wanted setting names, each with a type and its limits")
    wrong = [f"{name}: {mistake}" for name, entry in mapping.items() for mistake in _mistakes(name, entry)]
    if wrong:
        raise SpaceError("; ".join(wrong))
    return {name: _build(entry) for name, entry in mapping.items()}


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Value]:
    """Return a value for every name, drawn in the order of the names: a file's order changes nothing."""
    return snapped(space, {name: SUGGEST[type(space[name])](trial, name, space[name]) for name in sorted(space)})


def holds(knob: Knob, value: object) -> bool:
    """Whether a value is one that the knob may take."""
    if isinstance(knob, Categorical):
        return value in knob.choices
    if not _number(value, isinstance(knob, Int)):
        return False
    steps = not knob.step or _rest(knob.low, value, knob.step) == 0  # type: ignore[arg-type]
    return knob.low <= value <= knob.high and (knob.log or steps)  # type: ignore[operator]


def size(space: Space) -> int | None:
    """How many settings a space holds; None: without end."""
    counts = [_count(knob) for knob in space.values()]
    return None if None in counts else math.prod(counts)  # type: ignore[arg-type]


def point(space: Space, number: int) -> dict[str, Value]:
    """The settings of this number, below `size`, of a space that has one."""
    found: dict[str, Value] = {}
    for name in sorted(space):
        number, place = divmod(number, _count(space[name]) or 1)
        found[name] = _at(space[name], place)
    return found


def snapped(space: Space, values: Mapping[str, Any]) -> dict[str, Value]:
    """The same settings with every number of a stepped range as it is written: 0.6, not 0.6000000000000001."""
    return {name: _snap(space[name], values[name]) for name in sorted(values)}


def _snap(knob: Knob, value: Any) -> Value:
    if isinstance(knob, Float) and knob.step:
        return _at(knob, round((value - knob.low) / knob.step))
    return value


def _count(knob: Knob) -> int | None:
    if isinstance(knob, Categorical):
        return len(knob.choices)
    if knob.step:
        return int((Decimal(str(knob.high)) - Decimal(str(knob.low))) / Decimal(str(knob.step))) + 1
    return 1 if knob.low == knob.high else None


def _at(knob: Knob, place: int) -> Value:
    if isinstance(knob, Categorical):
        return knob.choices[place]
    value = Decimal(str(knob.low)) + place * Decimal(str(knob.step or 0))
    return int(value) if isinstance(knob, Int) else float(value)


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
TYPES: dict[str, type[Knob]] = {"int": Int, "float": Float, "categorical": Categorical}


def _build(entry: Mapping[str, Any]) -> Knob:
    given = {key: value for key, value in entry.items() if key != "type"}
    if "choices" in given:
        return Categorical(tuple(given["choices"]))
    return TYPES[entry["type"]](**given)


def _mistakes(name: object, entry: object) -> list[str]:
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        return ["is no setting; wanted a dotted name such as prune.keep"]
    if not isinstance(entry, Mapping):
        return [f"got {entry!r}; wanted a type and its limits"]
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        return [f"type is {kind!r}; wanted one of {', '.join(TYPES)}"]
    known = {"type", *TYPES[kind].__dataclass_fields__}
    odd = [f"{key!r} is unknown to {kind}; known: {', '.join(sorted(known))}" for key in entry.keys() - known]
    return sorted(odd) + (_choices(entry) if kind == "categorical" else _limits(entry, kind == "int"))


def _choices(entry: Mapping[str, Any]) -> list[str]:
    choices = entry.get("choices")
    if not isinstance(choices, list | tuple) or not choices:
        return [f"choices is {choices!r}; wanted a list of values"]
    odd = [c for c in choices if not isinstance(c, Value) or (isinstance(c, float) and not math.isfinite(c))]
    if odd:
        return [f"choice {odd[0]!r}; wanted text, a finite number, true, false or null"]
    twice = [c for i, c in enumerate(choices) if c in choices[:i]]
    return [f"choice {twice[0]!r} stands there twice"] if twice else []


def _limits(entry: Mapping[str, Any], whole: bool) -> list[str]:
    wanted = "a whole number" if whole else "a finite number"
    present = ["low", "high"] + [key for key in ("step",) if entry.get(key) is not None]
    wrong = [f"{key} is {entry.get(key)!r}; wanted {wanted}" for key in present]
    wrong = [text for key, text in zip(present, wrong, strict=True) if not _number(entry.get(key), whole)]
    if any(isinstance(entry.get(key), str) for key in present):
        wrong[-1] += ODD_NUMBER
    if not isinstance(entry.get("log", False), bool):
        wrong.append(f"log is {entry['log']!r}; wanted true or false")
    if whole and entry.get("step", 1) is None:
        wrong.append("step is None; wanted a whole number")
    return wrong or _relations(entry)


def _relations(entry: Mapping[str, Any]) -> list[str]:
    low, high, step, log = entry["low"], entry["high"], entry.get("step"), entry.get("log", False)
    wrong = [f"low {low} lies above high {high}"] if low > high else []
    if step is not None and step <= 0:
        return [*wrong, f"step is {step}; wanted more than 0"]
    if log and low <= 0:
        wrong.append(f"low is {low}; a logarithm wants more than 0")
    if log and step not in (None, 1 if entry["type"] == "int" else None):
        wrong.append(f"step {step} and log; take one of them")
    # Decimals as written: in binary 0.1 does not divide 1.0.
    elif step is not None and not wrong and (rest := _rest(low, high, step)):
        wrong.append(f"high {high} is no whole number of steps of {step} above low {low}: {rest} is left over")
    return wrong


def _rest(low: float, high: float, step: float) -> Decimal:
    return (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step))


def _number(value: object, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) if whole else math.isfinite(value)
