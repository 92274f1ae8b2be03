"""Write benchmarks/tables/zoo.json: a row for each model, from a finished run of the plan zoo.yaml beside this file.

python -m tests.shows.zoo RUNFOLDER… [--rounds 30] [--seconds 0.03]

The graphs of all runs are timed in one run of alternating rounds; `minutes` are those of the float network's training.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, timing
from benchmarks.results import table_file
from export.sessions import available, open_session
from mfast_edge.candidate import Candidate
from mfast_edge.data.photo import load
from mfast_edge.errors import UserError
from mfast_edge.models.steps import parts
from mfast_edge.opened import Opened, opened
from mfast_edge.timed import PHOTOS
from mfast_edge.workshop import Workshop
from tests.shows.house import portable
from tests.shows.peers.bench import workshop

TABLE = Path(__file__).parents[2] / "benchmarks" / "tables" / "zoo.json"
STAGES = ("train", "export_onnx", "quantize")
GRAPHS = {"float": "export_onnx", "int8": "quantize"}
PARTS = ("forward", "end_to_end")
WARMUP = 10
FIRST = ("model", "params", "gmacs", "mb", "images_s", "minutes", "map50", "float_ms_1t", "int8_ms_1t", "e2e_ms_1t")
COLUMNS = (*FIRST, "float_e2e_ms_1t", "parity", "int8_map50", "int8_mb", "size")


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished run with its surroundings; `told` are the final's rows by stage."""

    run: Opened
    shop: Workshop
    folder: Path
    told: Mapping[str, Mapping[str, Any]]

    def candidate(self, stage: str) -> Candidate:
        """What the stage made, kept or not."""
        found = self.shop.store.find(self.told[stage]["key"])
        if found is None:
            raise UserError(f"{self.folder}: what {stage} made is not in its store; run it again")
        return found


def main(words: list[str]) -> int:
    """The table of the runs named."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows.zoo")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.03)
    asked = parser.parse_args(words)
    runs = [shown(folder) for folder in asked.runs]
    times = clock(runs, asked.rounds, asked.seconds)
    rows = [known(one) | times[place] for place, one in enumerate(runs)]
    command, today = portable(f"python -m tests.shows.zoo {' '.join(words)}"), datetime.now(UTC).strftime("%Y-%m-%d")
    table_file(TABLE, rows, machine.describe(1), today, command)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for row in rows:
        print(f"| {' | '.join(cell(row[name]) for name in COLUMNS)} |")
    return 0


def shown(folder: Path) -> Shown:
    """A run of the plan. UserError: it has not ended, or is of another plan."""
    run = opened(folder)
    told = {row["stage"]: row for row in run.final.get("rows", ())}
    if tuple(told) != STAGES:
        raise UserError(f"{folder}: a run of {', '.join(told)}; one of {', '.join(STAGES)} would be right")
    return Shown(run, workshop(run), folder, told)


def known(one: Shown) -> dict[str, Any]:
    """What the run found out: size, cost, pace, quality on test, how far the exported graph is torch's."""
    network = Opened(one.candidate("train"), {}, {}, one.run.runs)
    seconds, images = trained(one)
    final = one.run.final
    parity, build = one.told["export_onnx"]["parity"], one.shop.build
    quantized = one.shop.store.find(one.told["quantize"]["key"]) == one.run.candidate
    return {
        "model": one.shop.model.name,
        "params": parameters(network.candidate),
        "gmacs": network.macs / 1e9,
        "mb": one.told["export_onnx"]["mb"],
        "int8_mb": one.told["quantize"]["mb"],
        "images_s": images / seconds,
        "images": images,
        "minutes": seconds / 60,
        "map50": final["float"]["test"]["map50"],
        "map": final["float"]["test"]["map"],
        "int8_map50": final["metrics"]["test"]["map50"] if quantized else None,
        "parity": 100 * parity["share"],
        "size": build.size,
        "build": build.model_dump(mode="json"),
        "command": portable(final["command"]),
    }


def trained(one: Shown) -> tuple[float, int]:
    """Seconds of the float network's training, and how many images it saw. UserError: it was not trained here."""
    steps = (json.loads(line) for line in (one.folder / "journal.jsonl").read_text().splitlines())
    mine = [step["seconds"] for step in steps if step["key"] == one.told["train"]["key"] and step["seconds"]]
    if not mine:
        raise UserError(f"{one.folder}: its network was in the store before; a run that trained it would be right")
    return mine[0], one.candidate("train").lineage[0].settings["images"]


def parameters(network: Candidate) -> int:
    """Numbers that are learnt: all weights but the statistics of batch norms."""
    from mfast_edge import blueprint
    from mfast_edge.model import find
    from mfast_edge.models import MODELS

    return sum(one.numel() for one in blueprint.rebuild(network.folder, find(network.model, MODELS)).parameters())


def clock(runs: Sequence[Shown], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """For each run the float and the int8 graph, forward and end to end, in the runtime where each is fastest."""
    calls: dict[str, Callable[[], object]] = {}
    for place, one in enumerate(runs):
        photos = [load(record) for record in one.shop.data.splits["val"][:PHOTOS]]
        for kind, stage in GRAPHS.items():
            made = one.candidate(stage)
            for runtime in filter(available, one.shop.target.measured):
                found = parts(open_session(made.file, runtime), photos, one.shop.model.decode, one.shop.facts(made))
                calls |= {f"{place} {kind} {runtime} {part}": found[part] for part in PARTS}
    series = timing.measure(calls, rounds=rounds, warmup=WARMUP, seconds=seconds)
    found = {name: timing.summary(one) for name, one in series.items()}
    return [fastest(place, found) for place in range(len(runs))]


def fastest(place: int, found: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """One run's milliseconds, medians with their quartiles beside them."""
    row: dict[str, Any] = {}
    for kind in GRAPHS:
        mine = {name.split()[2]: one for name, one in found.items() if name.startswith(f"{place} {kind} ")}
        best = min(mine, key=lambda runtime: found[f"{place} {kind} {runtime} forward"]["p50"])
        forward, whole = (found[f"{place} {kind} {best} {part}"] for part in PARTS)
        row |= {f"{kind}_runtime": best, f"{kind}_ms_1t": forward["p50"], f"{kind}_e2e_ms_1t": whole["p50"]}
        row |= {f"{kind}_forward": forward, f"{kind}_end_to_end": whole}
    return row | {"e2e_ms_1t": row["int8_e2e_ms_1t"]}


def cell(value: Any) -> str:
    """A figure as text."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
