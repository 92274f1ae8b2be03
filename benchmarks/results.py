"""Writes and reads what was measured on one machine: `results/<machine>.json`, and tables for the docs."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchmarks import machine

Summary = Mapping[str, float]  # as timing.summary gives it, in ms

# What JSON may hold for each field of a row; summaries are checked further.
SUMMARIES = ("forward", "pre", "post", "end_to_end", "forward_backward", "stream")
NUMBER: tuple[type, ...] = (int, float)
KINDS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "file": (str,),
    "runtime": (str,),
    "versions": (dict,),
    "threads": (int,),
    "options": (dict,),
    **dict.fromkeys(SUMMARIES, (dict,)),
    "proxy": (bool,),
    "mb": NUMBER,
    "f1": NUMBER,
    "score": NUMBER,
    "precision": (str,),
    "remark": (str,),
    "model": (str,),
    "how": (str,),
    "fused": (bool,),
    "batch": (int,),
    "inputs": (dict,),
    "memory": (dict,),
    "roof": NUMBER,
    "rates": (dict,),
    "gates": (list,),
}

PARTS: tuple[tuple[str, type], ...] = (("machine", dict), ("date", str), ("command", str), ("rows", list))
MORE: dict[str, type] = {"trouble": list, "before": dict, "after": dict, "notes": list}


class ResultsError(ValueError):
    """A results file that cannot be read or written, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One file in one runtime; times are summaries in ms, `mb` is 10^6 bytes, the rest as words.

    `proxy` says that the figures stand in for a device that was absent. `precision` is the arithmetic,
    such as float32 or int8. Without `forward` nothing could be measured, and `remark` says why. `model`: what
    rows of one network share. `how`: a way of calling the runtime, such as eager. `fused`: batch norms folded
    into convolutions. `inputs`: {name: sizes}. `stream`: timing.single_stream's. `memory`: MB of a process of
    its own at its `peak` and `before` it opened the network. `roof`: the least ms that this machine's measured
    peak allows; `rates`: that peak, in multiply-adds of each arithmetic and bytes of `memory` per second.
    `gates`: as benchmarks.gates.Gate.
    """

    name: str
    file: str
    runtime: str
    versions: Mapping[str, str]
    threads: int
    forward: Summary | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    pre: Summary | None = None
    post: Summary | None = None
    end_to_end: Summary | None = None
    forward_backward: Summary | None = None
    proxy: bool = False
    mb: float | None = None
    f1: float | None = None
    score: float | None = None
    precision: str = ""
    remark: str = ""
    model: str = ""
    how: str = ""
    fused: bool | None = None
    batch: int = 1
    inputs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    stream: Summary | None = None
    memory: Mapping[str, float] | None = None
    roof: float | None = None
    rates: Mapping[str, float] | None = None
    gates: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """Rows measured on one machine, as machine.describe gives it, by one command on one date.

    `trouble`: what makes the times doubtful; `before`, `after`: machine.state's. `notes`: what else a reader must
    know.
    """

    machine: Mapping[str, Any]
    date: str
    command: str
    rows: tuple[Row, ...]
    trouble: tuple[str, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def place(folder: Path, results: Results) -> Path:
    """Return the file in `folder` where a machine's results belong: they never meet another machine's."""
    return folder / f"{machine.name(dict(results.machine))}.json"


def write(path: Path, results: Results) -> None:
    """Write results in one step: a reader sees the old file or the new one. Raises ResultsError."""
    _replace(path, asdict(results))


def table_file(
    path: Path, rows: Sequence[Mapping[str, Any]], machine: Any, date: str, command: str, **summary: Any
) -> None:
    """Write a table of the docs, `benchmarks/tables/<name>.json`, in one step. Raises ResultsError.

    `summary`: what is said of all rows together.
    """
    table = {"machine": machine, "date": date, "command": command, **summary, "rows": [dict(row) for row in rows]}
    _replace(path, table)


def read(path: Path) -> Results:
    """Return the results in a file. Raises ResultsError that says what is wrong with it."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(data, dict) or any(not isinstance(data.get(key), kind) for key, kind in PARTS):
        raise ResultsError(f"{path}: wanted an object with machine, date, command and a list of rows")
    rows = tuple(_row(f"{path}: row {i}", row) for i, row in enumerate(data["rows"]))
    more = {key: data[key] for key in MORE if key in data}
    if wrong := [key for key, value in more.items() if not isinstance(value, MORE[key])]:
        raise ResultsError(f"{path}: {wrong[0]} is {more[wrong[0]]!r}; wanted a {MORE[wrong[0]].__name__}")
    return Results(data["machine"], data["date"], data["command"], rows, **_tupled(more))


def joined(found: Sequence[Results]) -> Results:
    """Results of several commands on one machine as one. Raises ResultsError for several machines, or none."""
    if not found or any(one.machine != found[0].machine for one in found):
        names = sorted({machine.name(dict(one.machine)) for one in found})
        raise ResultsError(f"results of {', '.join(names) or 'no machine'}; one table holds those of one machine")
    first, last = found[0], found[-1]
    told = dict.fromkeys(line for one in found for line in one.trouble)
    notes = dict.fromkeys(line for one in found for line in one.notes)
    rows = tuple(row for one in found for row in one.rows)
    commands = "; ".join(dict.fromkeys(one.command for one in found))
    date = max(one.date for one in found)
    return Results(first.machine, date, commands, rows, tuple(told), first.before, last.after, tuple(notes))


def _row(where: str, data: Any) -> Row:
    if not isinstance(data, dict):
        raise ResultsError(f"{where}: got {data!r}; wanted an object")
    odd = sorted(set(data) - set(KINDS))
    missing = sorted(f for f in ("name", "file", "runtime", "versions", "threads") if f not in data)
    if odd or missing:
        raise ResultsError(f"{where}: missing {missing}, unknown {odd}; wanted {', '.join(KINDS)}")
    for key, value in data.items():
        _check(f"{where}: {key}", value, key)
    if data.get("forward") is None and not data.get("remark"):
        raise ResultsError(f"{where}: lacks forward, and a remark that says why")
    return Row(**_tupled(data))


def _tupled(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _check(where: str, value: Any, key: str) -> None:
    kind = KINDS[key]
    if value is None and _optional(key):
        return
    if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
        raise ResultsError(f"{where} is {value!r}; wanted {' or '.join(k.__name__ for k in kind)}")
    wrong = [q for q in ("p50", "p90", "p99") if key in SUMMARIES and not _number(value, q)]
    if wrong:
        raise ResultsError(f"{where} lacks the number {wrong[0]}; wanted p50, p90 and p99 in ms")


def _number(summary: Any, key: str) -> bool:
    return isinstance(summary.get(key), NUMBER)


def _optional(key: str) -> bool:
    return any(f.name == key and f.default is None for f in fields(Row))


def _replace(path: Path, data: Any) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, path)
    except (OSError, TypeError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)
