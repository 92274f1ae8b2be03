"""Settings: YAML in, checked frozen values out, every mistake in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mfast_edge.errors import UserError


class Settings(BaseModel):
    """A frozen record of settings; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


S = TypeVar("S", bound=Settings)


def rare(default: Any) -> Any:
    """A setting that is written down, and enters keys, only where it is not `default`: older keys stay."""
    return Field(default, exclude_if=lambda value: value == default)


def check(kind: type[S], given: Mapping[str, Any], where: str) -> S:
    """`given` as a `kind`; UserError lists all mistakes at once."""
    try:
        return kind(**given)
    except ValidationError as wrong:
        raise UserError("; ".join(mistakes(wrong, kind, where))) from None


def mistakes(wrong: ValidationError, kind: type[Settings], where: str) -> list[str]:
    """One clause for each thing pydantic refused."""
    clauses = []
    for error in wrong.errors():
        name = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            known = ", ".join(sorted(kind.model_fields)) or "none"
            clauses.append(f"{where}: no setting {name!r}; known: {known}")
        else:
            said = error["msg"].removeprefix("Value error, ")
            head = f"{where}.{name}: {error['input']!r} given;" if name else f"{where}:"
            clauses.append(f"{head} {said[0].lower()}{said[1:]}")
    return clauses


def load(path: Path, where: str) -> dict[str, Any]:
    """A YAML file that holds a mapping."""
    try:
        tree = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as wrong:
        raise UserError(f"{where}: {path} cannot be read: {wrong}") from None
    except yaml.YAMLError as wrong:
        raise UserError(f"{where}: {path} is not YAML: {' '.join(str(wrong).split())}") from None
    if not isinstance(tree, dict):
        raise UserError(f"{where}: {path} holds {type(tree).__name__}; a mapping would be right")
    return tree


def named(room: str, name: str, where: str) -> dict[str, Any]:
    """configs/<room>/<name>.yaml, or the YAML file that `name` is the path of."""
    if name.endswith((".yaml", ".yml")):
        return {"name": Path(name).stem, **load(Path(name), where)}
    shelf = Path(str(files(f"configs.{room}")))
    if "/" in name or not (shelf / f"{name}.yaml").is_file():
        raise UserError(f"{where}: {name!r} is not known; known: {', '.join(names(room))}, or a path to a .yaml file")
    return {"name": name, **load(shelf / f"{name}.yaml", where)}


def names(room: str) -> list[str]:
    """The names that configs/<room> holds."""
    return sorted(path.stem for path in Path(str(files(f"configs.{room}"))).glob("*.yaml"))


def assignments(texts: Iterable[str]) -> dict[str, Any]:
    """`prune.keep=0.4` texts as {dotted name: value}; values are read as YAML."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--set: {text!r} given; a dotted name and a value would be right: prune.keep=0.4")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(
                f"--set: {text!r}: {value!r} is not a value; a number, a word or [a, list] would be right"
            ) from None
    return found


def canonical(value: Any) -> str:
    """The same text for the same value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
