"""Results files that came back to a run: kept as they came, told apart by board and threads, read as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import machine, results
from mfast_edge.candidate import digest


def store(folder: Path, name: str, made: results.Results) -> None:
    """Keep what came, numbered in the order of coming, in place of files that it says all of anew.

    A file with a graph that was not measured again stays whole: parent and child are judged by the same rounds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = arrived(folder)
    number = 1 + max((order(path) for path in known), default=0)
    results.write(folder / f"{number:03}-{name}", made)
    for path in known:
        if covers(made, results.read(path)):
            path.unlink()


def covers(made: results.Results, old: results.Results) -> bool:
    """Whether all that was measured for `old` was measured again for `made`, on the same board with as many threads."""
    said = {one for row in made.rows for one in measured(row)}
    return column(old) == column(made) and all(set(measured(row)) <= said for row in old.rows)


def measured(row: results.Row) -> Iterator[tuple[str, ...]]:
    """What a row says: of each candidate in a runtime and precision, its rounds' times or how alike it is."""
    for key in row.options["keys"]:
        yield from ((key, row.runtime, row.precision, what) for what in ("medians", "parity") if what in row.options)


def arrived(folder: Path) -> list[Path]:
    """The files that came, oldest first."""
    return sorted(folder.glob("*.json"), key=lambda path: (order(path), path.name))


def order(path: Path) -> int:
    """Which file that came this is; 0 for one that has no number."""
    number = path.name.partition("-")[0]
    return int(number) if number.isdigit() else 0


def board(made: results.Results) -> str:
    """What tells one board from another: all that is known of it but the Python that asked and the threads it used.

    Two of the same model, memory and software count as one: no result holds a serial number or a host's name.
    """
    return digest({key: value for key, value in made.machine.items() if key not in ("python", "threads")})


def column(made: results.Results) -> tuple[str, int | None]:
    """A board and its threads: what one column of figures is of."""
    return board(made), made.machine.get("threads")


def columns(brought: Sequence[results.Results]) -> list[list[results.Results]]:
    """What came, board by board and by its threads; the one that a file came from last at the end."""
    found: dict[tuple[str, int | None], list[results.Results]] = {}
    for made in brought:
        found[column(made)] = [*found.pop(column(made), []), made]
    return list(found.values())


def deciding(every: Sequence[Sequence[results.Results]], threads: int) -> Sequence[results.Results]:
    """What the board that a file came from last is judged by: its files with so many threads, else its last ones."""
    mine = [one for one in every if board(one[-1]) == board(every[-1][-1])]
    return next((one for one in mine if column(one[-1])[1] == threads), mine[-1])


def merged(benches: Sequence[results.Results]) -> Iterator[results.Results]:
    """One file for each board and its threads; of a graph in a runtime and precision the last row, with the date of its
    own. Of boards of one name the last one's."""
    named = {machine.name(dict(mine[-1].machine)): mine for mine in columns(benches)}
    for mine in named.values():
        rows = {graph(row): dated(row, made.date) for made in mine for row in made.rows}
        yield replace(mine[-1], rows=tuple(rows.values()))


def graph(row: results.Row) -> tuple[str, str, str]:
    """What a later row takes the place of."""
    return row.options["onnx"], row.runtime, row.precision


def dated(row: results.Row, date: str) -> results.Row:
    """The row with the date of its measurement."""
    return replace(row, options={**row.options, "date": date})
