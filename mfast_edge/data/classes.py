"""Class maps: what the classes of data are called here, which of them are one, which are ignored or left out."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, field_validator

from mfast_edge.errors import UserError
from mfast_edge.settings import Settings, check, named, names

OPTION = "--classes"
REST = "*"  # all names that are not written elsewhere; as a key of `ignore`: whatever class


class ClassMap(Settings):
    """`classes` maps a new class to the data's names that become it; written as nothing: its own name.

    What `ignore` names becomes regions to be ignored, of the class that it is written under. `others` says what
    happens to names that are in neither: dropped (background), kept as they are, or ignored whatever is found.
    Names count as equal whatever the case, `_` and `-`.
    """

    name: str = ""
    title: str = ""
    classes: dict[str, tuple[str, ...]]
    ignore: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    others: Literal["drop", "keep", "ignore"] = "drop"

    @field_validator("classes", "ignore", mode="before")
    @classmethod
    def lists(cls, given: Any) -> Any:
        """`car: ` and `car: van` as lists of one."""
        if not isinstance(given, dict):
            return given
        return {str(key): listed(str(key), value) for key, value in given.items()}


def listed(key: str, value: Any) -> Any:
    """Names as a list, whatever YAML made of them."""
    many = value if isinstance(value, list | tuple) else [key if value is None else value]
    return [one if isinstance(one, dict | list) else str(one) for one in many]


def parse(text: str) -> ClassMap:
    """A class map by its name in configs/classes, by its YAML file, or as it is typed: `person=man+woman,car,*`.

    Typed, NEW=OLD+OLD merges, a bare name stays, `*` keeps all others. UserError where it is none of them.
    """
    if text.endswith((".yaml", ".yml")) or text in names("classes"):
        return sound(check(ClassMap, named("classes", text, OPTION), f"{OPTION} {text}"))
    kept: dict[str, tuple[str, ...]] = {}
    entries = [entry.strip() for entry in text.split(",")]
    for new, equals, old in (entry.partition("=") for entry in entries if entry != REST):
        olds = tuple(word.strip() for word in old.split("+")) if equals else (new.strip(),)
        if not new.strip() or not all(olds) or new.strip() in kept:
            known = ", ".join(names("classes"))
            raise UserError(
                f"{OPTION}: {text!r} given; a class map such as person=man+woman,car, a YAML file or one of"
                f" {known} would be right"
            )
        kept[new.strip()] = olds
    title = "-".join("".join(letter for letter in name if letter.isalnum()) for name in kept)[:40] or "all"
    others: Literal["drop", "keep"] = "keep" if REST in entries else "drop"
    return sound(ClassMap(name=title, classes=kept, others=others))


def sound(rule: ClassMap) -> ClassMap:
    """The map; UserError where it says two things of one name, or ignores under a class that it does not have."""
    seen: dict[str, str] = {}
    for said, room in (("becomes", rule.classes), ("is ignored as", rule.ignore)):
        for old, new in ((old, new) for new, olds in room.items() for old in olds):
            if plain(old) in seen:
                both = f"{seen[plain(old)]} and {said} {new}"
                raise UserError(f"{OPTION}: {old!r} {both}; each name once would be right")
            seen[plain(old)] = f"{said} {new}"
    if lost := [new for new in rule.ignore if new != REST and new not in rule.classes]:
        raise UserError(f"{OPTION}: ignore: {lost[0]!r} is none of its classes; one of them, or '*', would be right")
    return rule


def plain(name: str) -> str:
    """A class name without what people write differently: `Dining_Table` is `dining table`."""
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def few(names: Iterable[str]) -> str:
    """The first names."""
    shown = list(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
