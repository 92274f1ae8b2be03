"""Write benchmarks/tables/house.json from a finished run's final.json.

python -m tests.shows.house RUNFOLDER [MORE RUNFOLDERS whose float networks count for the median]
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import table_file

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "benchmarks" / "tables" / "house.json"


def main(folders: list[str]) -> int:
    """The first run's stages, one row each, then the float networks of the other seeds."""
    runs = [json.loads((Path(folder) / "final.json").read_text()) for folder in folders]
    first = runs[0]
    rows = [row(first, told) for told in first["rows"]]
    rows += [
        row(run, run["rows"][0]) | {"stage": f"train, {Path(folder).name}"}
        for folder, run in zip(folders[1:], runs[1:], strict=True)
    ]
    table_file(TABLE, rows, first["here"], first["date"], portable(first["command"]), **summary(runs))
    print(TABLE.read_text())
    return 0


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median over seeds, and how much faster the final file's forward is than the float network's."""
    first = runs[0]
    floats = [run["float"]["test"]["map50"] for run in runs]
    before, after = first["float"]["ms"]["onnxruntime"], min(first["ms"].values())
    return {
        "float_test_map50": floats,
        "float_test_map50_median": statistics.median(floats),
        "float_onnxruntime_ms_1t": before,
        "final_fastest_ms_1t": after,
        "times_faster": before / after,
        "stage_seconds": {told["stage"]: told["seconds"] for told in first["rows"]},
    }


def portable(command: str) -> str:
    """The command as anyone can type it, wherever its runs lay."""
    command = re.sub(r"(?<!\S)/\S*?/runs(?=/)", "runs", command.replace(f"{ROOT}/", ""))
    command = re.sub(r"--out /\S+", "--out runs/house", command)
    for name in ("MFAST_DATA", "MFAST_WEIGHTS"):
        command = command.replace(os.environ.get(name) or "\0", f"${name}")
    return command


def row(run: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """A stage: quality on val; on test for the float network and the final file, the only ones tested."""
    assert told["threads"] == 1, told
    names = ("stage", "map50", "map", "f1", "mb", "runtime", "forward_ms", "parity", "verdict")
    found = {name: told[name] for name in names} | {"forward_ms_1t": told["p50_ms"], "e2e_ms_1t": told["e2e_ms"]}
    if told["key"] == run["key"]:
        test = run["metrics"]["test"]
        found |= {"test_map50": test["map50"], "test_map": test["map"], "test_loss_points": run["loss"]}
    elif told["key"] == run["float"]["key"]:
        found |= {"test_map50": run["float"]["test"]["map50"], "test_map": run["float"]["test"]["map"]}
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
