"""What pruning alone costs: a tenth of the multiply-adds gone, batch norms measured anew, nothing trained.

python -m tests.shows.untrained NETWORK… --data voc:PATH [--keep 0.9] [--split val] [--table]

NETWORK: the folder of a run that ended in a float network (compress --until train), or of one in runs/store; of any
model. Torch-Pruning#147 lost 53 points at a ratio of 0.1, for a head was pruned too; here no head gets narrower, and
the command's exit code is 1 where a network loses more than 5 points. `--table` writes
benchmarks/tables/untrained.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim.swa_utils import update_bn

from benchmarks import machine
from benchmarks.results import table_file
from mfast_edge import blueprint
from mfast_edge.data.index import read
from mfast_edge.data.photo import load
from mfast_edge.data.sample import Dataset
from mfast_edge.errors import UserError
from mfast_edge.latency import layers
from mfast_edge.models.detections import Detections, detect
from mfast_edge.opened import Opened, opened
from mfast_edge.runners import through
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.widths import thin
from mfast_edge.store import Store
from mfast_edge.target import find as find_target
from mfast_edge.tasks.detect import compare, paired
from mfast_edge.workshop import Built, Workshop
from tests.shows.house import portable

TABLE = Path(__file__).parents[2] / "benchmarks" / "tables" / "untrained.json"
ALLOWED = 5.0  # points
BATCH, BATCHES = 16, 16  # training photos that norms are measured on
COLUMNS = ("model", "key", "macs_kept", "map50", "pruned_map50", "lost", "low", "high", "heads")


def main(words: list[str]) -> int:
    """A row for each network as it comes."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows.untrained")
    parser.add_argument("networks", type=Path, nargs="+")
    parser.add_argument("--data", required=True)
    parser.add_argument("--keep", type=float, default=0.9)
    parser.add_argument("--split", default="val")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args(words)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = read(asked.data, cache=Path(folder), seed=asked.seed)
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        for place in asked.networks:
            run = opened(place)
            shop, made = surroundings(run, data, Path(folder), asked.seed)
            rows.append({"key": run.candidate.key, **row(shop, made, asked, Path(folder) / run.candidate.key)})
            print(f"| {' | '.join(str(rows[-1][name]) for name in COLUMNS)} |", flush=True)
    if asked.table:
        command = portable(f"python -m tests.shows.untrained {' '.join(words)}")
        here, today = machine.describe(1), datetime.now(UTC).strftime("%Y-%m-%d")
        table_file(TABLE, rows, here, today, command, keep=asked.keep, split=asked.split, allowed_points=ALLOWED)
    return 0 if all(one["lost"] <= ALLOWED for one in rows) else 1


def surroundings(run: Opened, data: Dataset, folder: Path, seed: int) -> tuple[Workshop, Built]:
    """What the network was trained in, as far as pruning needs it, and the network. UserError: it is a graph."""
    if run.candidate.form != "torch":
        raise UserError(f"{run.candidate.folder}: a graph; a float network, as train leaves it, would be right")
    build = run.model.build(**blueprint.read(run.candidate.folder)["build"])
    target = find_target("x86")
    shop = Workshop(run.model, build, data, target, Store(folder), seed, None, None, lambda _: None)
    return shop, shop.rebuilt(run.candidate)


def row(shop: Workshop, made: Built, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """A network before and after. The heads' widths are those it was built with, or it is our fault."""
    before, heads, records = macs(shop, made), widths(shop, made.network), shop.data.splits[asked.split]
    truths = [record.truth for record in records]
    whole = look(shop, made, asked.split)
    thin(made, Prune(keep=asked.keep).fitted(shop.target), shop, folder)
    assert widths(shop, made.network) == heads, "a head was pruned"
    photos = [images.to(shop.device) for images, _ in shop.batches(made.build, BATCH, BATCHES)]
    update_bn(photos, made.network)
    pruned = look(shop, made, asked.split)
    classes = shop.data.classes
    lost = paired(truths, whole, pruned, classes)
    map50 = [compare(truths, found, classes).map50 for found in (whole, pruned)]
    figures = {"map50": map50[0], "pruned_map50": map50[1]}
    figures |= {"lost": 100 * lost.difference, "low": 100 * lost.low, "high": 100 * lost.high}
    told = {name: round(value, 4) for name, value in figures.items()}
    return {"model": shop.model.name, "macs_kept": round(macs(shop, made) / before, 4), **told, "heads": heads}


def look(shop: Workshop, made: Built, split: str) -> list[Detections]:
    """Detections in every photo of a split, by torch."""
    facts = shop.model.ready(shop.model.facts(made.build))
    forward = through(deepcopy(made.network).eval(), shop.device)
    return [detect(load(record), forward, shop.model.decode, facts) for record in shop.data.splits[split]]


def macs(shop: Workshop, made: Built) -> int:
    """Multiply-adds of the layers, as pruning counts them."""
    return sum(layer.macs for layer in layers(made.network.eval(), shop.example(made.build)))


def widths(shop: Workshop, network: nn.Module) -> Sequence[int]:
    """What comes out of each head."""
    return [len(head.get_parameter("weight")) for head in shop.model.heads(network)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
