"""Write benchmarks/tables/doctor.json: what the doctor says of models and files that users bring to a Jetson.

python -m tests.shows.doctor [--out runs/doctor]

Files are made on the spot: the float and the int8 graph of a run of `tiny`, and the float one with its sizes left open.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx

from benchmarks import machine
from benchmarks.results import table_file
from tests.shows.house import portable

TABLE = Path(__file__).parents[2] / "benchmarks" / "tables" / "doctor.json"
COLUMNS = ("case", "target", "exit", "findings", "rules")


def main(words: list[str]) -> int:
    """Ask the doctor of each case; a row for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows.doctor")
    parser.add_argument("--out", type=Path, default=Path("runs/doctor"))
    asked = parser.parse_args(words)
    plain, int8 = graphs(asked.out)
    opened = left_open(plain, asked.out / "open_sizes.onnx")
    mbv3 = ("--model", "ssd_mbv3")
    cases: list[tuple[str, str, tuple[str, ...]]] = [
        ("ssd_mbv3 as exported", "jetson", mbv3),
        ("ssd_mbv3 with HardSwish (opset 14)", "jetson", (*mbv3, "--set", "export_onnx.opset=14")),
        ("an int8 Q/DQ file for CPUs", "jetson", (str(int8),)),
        ("an int8 Q/DQ file for CPUs", "jetson_orin_nano", (str(int8),)),
        ("an int8 Q/DQ file for CPUs", "x86", (str(int8),)),
        ("a file with open sizes", "jetson", (str(opened),)),
        ("a float file", "jetson", (str(plain),)),
    ]
    rows = [row(*case) for case in cases]
    command, today = portable(f"python -m tests.shows.doctor {' '.join(words)}".strip()), datetime.now(UTC)
    table_file(TABLE, rows, machine.describe(1), today.strftime("%Y-%m-%d"), command)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for one in rows:
        print(f"| {' | '.join(str(one[name]) for name in COLUMNS)} |")
    return 0


def graphs(out: Path) -> tuple[Path, Path]:
    """The float and the int8 graph of a run of `tiny` for this CPU."""
    words = ("--model", "tiny", "--plan", "tiny", "--target", "x86", "--out", str(out), "--name", "tiny")
    done = subprocess.run([sys.executable, "-m", "mfast_edge.compress", *words], check=False)
    assert done.returncode in (0, 1), done
    store = [json.loads(path.read_text()) | {"place": path.parent} for path in (out / "store").glob("*/card.json")]
    stages = {one["lineage"][-1]["stage"]: one["place"] / "model.onnx" for one in store}
    return stages["export_onnx"], stages["quantize"]


def left_open(source: Path, path: Path) -> Path:
    """The same graph with batch, height and width of its input left open."""
    model = onnx.load(source)
    for place, name in ((0, "batch"), (2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name
    onnx.save(model, path)
    return path


def row(case: str, target: str, words: tuple[str, ...]) -> dict[str, Any]:
    """What `doctor --json` prints, each rule with how many nodes it names."""
    command = [sys.executable, "-m", "mfast_edge.doctor", "--target", target, "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    rules = dict(Counter(one["rule"] for one in found).most_common())
    return {"case": case, "target": target, "exit": done.returncode, "findings": len(found), "rules": rules,
            "first": found[0] if found else None}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
