"""Make the rows that are not there yet, time all of them in one run, write benchmarks/tables/<table>.json.

python -m tests.shows.peers --out runs/peers --float RUN… --naive RUN… --ours RUN… [--table peers]

Runs are folders that `python -m mfast_edge.compress` ended: with --until train (float, one for each seed; naive),
or whole (ours). Rows lie in OUT/rows/<name>-seed<k>/ and are made once: the same command goes on where it was
stopped, and --untimed stops before the clock.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.results import table_file
from export.roof import Rates
from export.roof import told as told_of
from mfast_edge.door import stop
from mfast_edge.errors import MfastError, UserError
from mfast_edge.roofed import rates
from tests.shows.peers import table
from tests.shows.peers.bench import Bench, Made, bench, floats, tell
from tests.shows.peers.clock import ROUNDS, Entry, Protocol, clock
from tests.shows.peers.scored import scored, ways
from tests.shows.peers.verdict import FORWARD, GOALS, Line, best, named, ours, verdict

TABLES = Path(__file__).parents[3] / "benchmarks" / "tables"


def main() -> int:
    """0: the table is written (or, with --untimed, the rows are), whatever the verdict."""
    given = arguments()
    entries = made(given)
    figures = {(entry.name, entry.bench.seed): quality(entry, entries) for entry in entries}
    if given.untimed:
        return 0
    protocol = Protocol(given.rounds)
    times = {threads: clock(entries, threads, protocol) for threads in (1, 2)}
    rows = tabled(entries, figures, times)
    speed = rates()
    lines = judged(rows, entries, given.table, speed)
    write(given, rows, lines, speed)
    tell("\n".join([table.markdown(rows), "", *lines]))
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--float", type=Path, nargs="+", required=True)
    for name in ("naive", "ours"):
        asked.add_argument(f"--{name}", type=Path, nargs="*", default=[])
    asked.add_argument("--table", choices=sorted(GOALS), default="peers")
    asked.add_argument("--ratios", type=float, nargs="*", default=[], help="torch-pruning's, of channels")
    asked.add_argument("--images", type=int, help="that a pruned network is fine-tuned on; our longest recovery's")
    asked.add_argument("--tables", type=Path, default=TABLES, help="where the table is written")
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--untimed", action="store_true")
    return asked.parse_args()


def made(given: argparse.Namespace) -> list[Entry]:
    """Every row of every seed, made now or before, once for each way to run it."""
    from tests.shows.peers import naive, nncf_rows, ort, pruned

    command = typed(given)
    benches = {one.seed: one for one in (bench(path, given.out / "rows", command) for path in given.float)}
    images = given.images or naive.recovery(given.ours)
    rows: list[tuple[Bench, Made]] = []
    for one in benches.values():
        source = floats(one)
        found = [source, ort.row(one, source), *nncf_rows.rows(one, source)]
        found += [pruned.row(one, ratio, images) for ratio in given.ratios]
        rows += [(one, row) for row in found]
    others = [naive.naive(path, benches) for path in given.naive] + [naive.ours(path, benches) for path in given.ours]
    rows += [(benches[row.seed], row) for row in others]
    return once([Entry(one, row, way) for one, row in rows for way in ways(row)])


def once(entries: list[Entry]) -> list[Entry]:
    """The entries; UserError where two runs would be one row."""
    names = Counter((entry.name, entry.bench.seed) for entry in entries)
    (name, seed), count = names.most_common(1)[0]
    if count > 1:
        raise UserError(f"{name}, seed {seed}: {count} runs are called so; other --name or --float would be right")
    return entries


def quality(entry: Entry, entries: Sequence[Entry]) -> dict[str, Any]:
    """The figures of an entry beside the float network of its seed."""
    base = next(one.made for one in entries if one.made.name == "float" and one.bench.seed == entry.bench.seed)
    figures = scored(entry.bench, entry.made, entry.way, base)
    tell(f"{entry.name} seed {entry.bench.seed}: test mAP@.5 {figures['test']['map50']:.4f}")
    return figures


def tabled(
    entries: Sequence[Entry],
    figures: dict[tuple[str, int], dict[str, Any]],
    times: dict[int, list[dict[str, Any]]],
) -> list[table.Row]:
    """The rows of the table, medians over seeds, in order."""
    seeds: dict[str, dict[int, table.Row]] = {}
    for place, entry in enumerate(entries):
        took = {threads: found[place] for threads, found in times.items()}
        row = table.single(figures[entry.name, entry.bench.seed], took, entry.made.mb)
        seeds.setdefault(entry.name, {})[entry.bench.seed] = row
    return table.ordered(table.merged(name, rows) | how(entries, name) for name, rows in seeds.items())


def how(entries: Sequence[Entry], name: str) -> table.Row:
    """How a row was made and is run, as its first seed's."""
    entry = next(one for one in entries if one.name == name)
    return {"runtime": entry.way, "file": entry.made.how["file"], "made": entry.made.how["asked"]}


def judged(rows: Sequence[table.Row], entries: Sequence[Entry], name: str, speed: Rates) -> list[str]:
    """The verdict, and where a goal is missed the roofline of our row and of the best rival."""
    goals = GOALS[name]
    lines: list[Line] = verdict(rows, goals)
    told = [line.text for line in lines]
    if all(line.reached is not False for line in lines):
        return told
    mine, rival = named(rows, ["ours"]), best(named(rows, goals.rivals), goals, FORWARD)
    for row in [*([ours(mine, goals)] if mine else []), *([rival] if rival else [])]:
        entry = next(one for one in entries if one.name == row["name"])
        told.append(told_of(row["name"], entry.made.file, speed, row[FORWARD]))
    return told


def write(given: argparse.Namespace, rows: Sequence[table.Row], lines: Sequence[str], speed: Rates) -> None:
    """benchmarks/tables/<table>.json."""
    units = "map50, map: fractions on test; drop: points lost to the float network of the same seed; ms: p50"
    rated = {"int8": speed.int8, "float32": speed.float32, "memory": speed.memory}
    summary = {"commit": commit(), "units": units, "rates": rated, "verdict": list(lines)}
    table_file(
        given.tables / f"{given.table}.json", rows, machine.describe(1), f"{date.today()}", typed(given), **summary
    )


def typed(given: argparse.Namespace) -> str:
    """The command as anyone can type it, wherever its runs lay."""
    words = shlex.join(sys.argv[1:])
    return f"python -m tests.shows.peers {words}".replace(f"{given.out.parent}/", "runs/")


def commit() -> str:
    """The tree's commit; empty outside of a repository."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=TABLES)
    return done.stdout.strip()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MfastError as wrong:
        stop(str(wrong), wrong.exit_code)
