"""python -m benchmarks: the table of what runs measured, or one score; from JSON alone."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from benchmarks import machine, report
from benchmarks.results import Results, ResultsError, joined, read, write
from benchmarks.score import ScoreError, score


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(words: Sequence[str] | None = None) -> int:
    """Print the table or the score; return 0, or 2 after one sentence on stderr."""
    given = list(sys.argv[1:] if words is None else words)
    try:
        print(_score(given[1:]) if given[:1] == ["score"] else _table(given), end="")
    except (ResultsError, ScoreError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


def _table(words: Sequence[str]) -> str:
    parser = Parser(
        prog="benchmarks",
        description="Prints Markdown tables of results files, and of every results/*.json under folders.",
        epilog="benchmarks score F1 SECONDS prints the composite score (benchmarks score --help).",
    )
    parser.add_argument("places", nargs="+", type=Path, metavar="PLACE", help="a run, a folder of runs, a .json file")
    parser.add_argument(
        "--tables", type=Path, help="also join them, of one machine, into latency-<machine>.json and .md of this folder"
    )
    parser.add_argument("--command", help="what --tables says they were made with; the commands themselves if absent")
    given = parser.parse_args(words)
    found = [read(path) for path in dict.fromkeys(path for place in given.places for path in _search(place))]
    if given.tables:
        together = joined(found)
        _keep(replace(together, command=given.command or together.command), given.tables)
    return report.table(found)


def _keep(found: Results, folder: Path) -> None:
    """The table of the docs as JSON, and the Markdown of what that file holds."""
    path = folder / f"latency-{machine.name(dict(found.machine))}.json"
    write(path, found)
    stored = read(path)
    head = f"Measured on {stored.date} with\n\n```\n{stored.command.replace('; ', chr(10))}\n```\n\n"
    path.with_suffix(".md").write_text(head + report.table([stored]), encoding="utf-8")


def _score(words: Sequence[str]) -> str:
    parser = Parser(prog="benchmarks score", description="Prints the composite score; lower is better.")
    parser.add_argument("f1", type=float, metavar="F1", help="macro F1 as a share, 0..1")
    parser.add_argument("seconds", type=float, metavar="SECONDS", help="time of one pass")
    parser.add_argument("--f1-ref", type=float, default=0.7, help="F1 of the reference (%(default)s)")
    parser.add_argument("--t-ref", type=float, default=43.162, help="seconds of the reference (%(default)s)")
    given = parser.parse_args(words)
    return f"{score(given.f1, given.seconds, f1_ref=given.f1_ref, t_ref=given.t_ref):.4f}\n"


def _search(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder.resolve()]
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such folder; give a run, or a folder of runs")
    found = sorted(path for path in folder.resolve().rglob("*.json") if path.parent.name == "results")
    if not found:
        raise ResultsError(f"{folder}: holds no results/*.json; run a benchmark first")
    return found


if __name__ == "__main__":
    sys.exit(main())
