"""The knobs of a space, and what is wrong with one as it was written."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Value = int | float | str | bool | None
When = tuple[tuple[str, tuple[Value, ...]], ...]  # a knob is there where each of these took one of its values
ODD_NUMBER = " (YAML reads 1e-4 as text and 1.0e-4 as a number)"


@dataclass(frozen=True, slots=True)
class Int:
    """Whole numbers low..high, both included, in steps, or spread evenly over their logarithm.

    `gain` scales how far evolution moves it.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    gain: float = 1.0
    when: When = ()


@dataclass(frozen=True, slots=True)
class Float:
    """Numbers low..high, both included, in steps if there is one, or spread over their logarithm.

    `gain` scales how far evolution moves it.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    gain: float = 1.0
    when: When = ()


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several values without an order."""

    choices: tuple[Value, ...]
    when: When = ()


Knob = Int | Float | Categorical
TYPES: dict[str, type[Knob]] = {"int": Int, "float": Float, "categorical": Categorical}


def build(entry: Mapping[str, Any]) -> Knob:
    """The knob of an entry without mistakes."""
    given = {key: value for key, value in entry.items() if key not in ("type", "when")}
    given["when"] = conditions(entry.get("when"))
    if "choices" in given:
        return Categorical(tuple(given["choices"]), given["when"])
    return TYPES[entry["type"]](**given)


def conditions(when: Any) -> When:
    """{other: [values]}, or a list of such, as pairs in the order of their names."""
    groups = when if isinstance(when, list | tuple) else [when or {}]
    pairs = [(other, tuple(values)) for group in groups for other, values in group.items()]
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def holds(knob: Knob, value: object) -> bool:
    """Whether a value is one that the knob may take."""
    if isinstance(knob, Categorical):
        return value in knob.choices
    if not number(value, isinstance(knob, Int)):
        return False
    steps = not knob.step or rest(knob.low, value, knob.step) == 0  # type: ignore[arg-type]
    return knob.low <= value <= knob.high and (knob.log or steps)  # type: ignore[operator]


def count(knob: Knob) -> int | None:
    """How many values a knob may take; None: without end."""
    if isinstance(knob, Categorical):
        return len(knob.choices)
    if knob.step:
        return int((Decimal(str(knob.high)) - Decimal(str(knob.low))) / Decimal(str(knob.step))) + 1
    return 1 if knob.low == knob.high else None


def at(knob: Knob, place: int) -> Value:
    """The value at this place among those of a knob that can be counted."""
    if isinstance(knob, Categorical):
        return knob.choices[place]
    value = Decimal(str(knob.low)) + place * Decimal(str(knob.step or 0))
    return int(value) if isinstance(knob, Int) else float(value)


def snap(knob: Knob, value: Any) -> Value:
    """A number of a stepped range as it is written: 0.6, not 0.6000000000000001; anything else as it is."""
    if isinstance(knob, Float) and knob.step:
        return at(knob, round((value - knob.low) / knob.step))
    return value


def mistakes(name: object, entry: object) -> list[str]:
    """What is wrong with one knob as written, its conditions' names and values apart."""
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        return ["is no setting; wanted a dotted name such as prune.keep"]
    if not isinstance(entry, Mapping):
        return [f"got {entry!r}; wanted a type and its limits"]
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        return [f"type is {kind!r}; wanted one of {', '.join(TYPES)}"]
    known = {"type", *TYPES[kind].__dataclass_fields__}
    odd = [f"{key!r} is unknown to {kind}; known: {', '.join(sorted(known))}" for key in entry.keys() - known]
    limits = _choices(entry) if kind == "categorical" else _limits(entry, kind == "int")
    return sorted(odd) + limits + _when(entry.get("when"))


def _when(when: Any) -> list[str]:
    groups = when if isinstance(when, list | tuple) else [when if when is not None else {}]
    good = all(isinstance(group, Mapping) for group in groups) and all(
        isinstance(other, str) and isinstance(values, list | tuple) and values
        for group in groups
        for other, values in group.items()
    )
    return [] if good else [f"when is {when!r}; wanted {{other setting: [its values]}}, or a list of such"]


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
    wrong = [text for key, text in zip(present, wrong, strict=True) if not number(entry.get(key), whole)]
    if any(isinstance(entry.get(key), str) for key in present):
        wrong[-1] += ODD_NUMBER
    if not isinstance(entry.get("log", False), bool):
        wrong.append(f"log is {entry['log']!r}; wanted true or false")
    if not number(gain := entry.get("gain", 1.0), whole=False) or gain <= 0:
        wrong.append(f"gain is {gain!r}; wanted a number above 0")
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
    elif step is not None and not wrong and (left := rest(low, high, step)):
        wrong.append(f"high {high} is no whole number of steps of {step} above low {low}: {left} is left over")
    return wrong


def rest(low: float, high: float, step: float) -> Decimal:
    """What is left over of high - low after whole steps."""
    return (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step))


def number(value: object, whole: bool) -> bool:
    """Whether a value is a finite number, a whole one if that is asked; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) if whole else math.isfinite(value)
