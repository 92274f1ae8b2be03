"""Write benchmarks/tables/search.json from its parts, each of which is measured by a command of its own.

python -m tests.shows.search compare|efficiency|workers|table --out runs/search [--search RUNFOLDER] [--data SPEC]
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.results import table_file
from mfast_edge.store import read_json, write_json
from tests.shows.house import portable
from tests.shows.search import efficiency, retrained, workers

TABLE = Path(__file__).parents[3] / "benchmarks" / "tables" / "search.json"
PARTS = ("compare", "efficiency", "workers")


def main(words: Sequence[str]) -> int:
    """One part, or the table of all that are there."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows.search")
    parser.add_argument("part", choices=(*PARTS, "table"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--search", type=Path, help="The folder of a search: of networks, or of the grid.")
    parser.add_argument("--data", help="The photos, as the search had them.")
    parser.add_argument("--minutes", type=float, default=6.0, help="Of each training that is compared.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pretrained", default="", help="What compress is given for the row with published weights.")
    asked = parser.parse_args(words)
    if asked.part == "table":
        return table(asked.out, "make search-table")
    told = {"compare": compare, "efficiency": replay, "workers": hire}[asked.part](asked)
    told["shown_by"] = portable(f"python -m tests.shows.search {shlex.join(words)}")
    write_json(asked.out / f"{asked.part}.json", told)
    print(json.dumps(told, indent=1))
    return 0


def compare(asked: argparse.Namespace) -> dict[str, Any]:
    """The search's winner and its reference, trained equally long."""
    told = json.loads((asked.search / "search.json").read_text())
    size = told["winner"]["params"]["model.size"]
    networks = {
        "reference": ["--model", "reference"],
        "winner": ["--model", str(asked.search / "winner.yaml"), "--set", f"model.size={size}"],
    }
    if asked.pretrained:
        networks["pretrained"] = shlex.split(asked.pretrained)
    found = retrained.compared(retrained.Asked(networks, asked.seeds, asked.minutes, asked.data, asked.out))
    searched = {"counts": told["counts"], "command": portable(told["command"]), "winner": told["winner"]}
    return {**found, "searched": searched}


def replay(asked: argparse.Namespace) -> dict[str, Any]:
    """The grid, replayed."""
    found = efficiency.replayed(asked.search)
    return {**found, "command": portable(found["command"])}


def hire(asked: argparse.Namespace) -> dict[str, Any]:
    """One worker, and two."""
    return workers.counted(asked.data, asked.out, asked.rounds)


def table(out: Path, command: str) -> int:
    """benchmarks/tables/search.json, of the parts that were measured."""
    told = {part: found for part in PARTS if (found := read_json(out / f"{part}.json"))}
    whole = {**told.get("compare", {}).get("summary", {}), **told}
    rows = whole.pop("compare", {}).get("rows", [])
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    table_file(TABLE, rows, machine.describe(1), today, command, **whole)
    print(TABLE.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
