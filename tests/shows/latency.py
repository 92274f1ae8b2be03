"""Measure latency tables, freeze them, draw networks by seed, and compare predictions with the clock.

python -m tests.shows.latency --out runs [--networks 12] [--seed 20] [--rounds 15]

Writes benchmarks/tables/latency.json: the worst combination of runtime and precision on top.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks import machine, timing
from benchmarks.results import table_file
from export.int8 import Dressing, quantize
from export.layer import Layer
from export.sessions import open_session
from export.to_onnx import to_onnx
from mfast_edge import gauge, target
from mfast_edge.backbones.blocks import Block
from mfast_edge.latency import Table, layers
from mfast_edge.models.ssd.build import shapes
from mfast_edge.models.ssd.mbv1 import MODEL

TABLE = Path(__file__).parents[2] / "benchmarks" / "tables" / "latency.json"
CLASSES = ("a", "b", "c")
LEVELS = 6
SIZES = range(160, 301, 4)
WIDTHS = (0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
BOUNDS = {"median_error": 0.08, "worst_error": 0.20, "spearman": 0.95}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A network drawn by seed, as files for the runtimes."""

    number: int
    size: int
    width: float
    layers: tuple[Layer, ...]
    files: dict[str, Path]  # by precision


def main() -> int:
    """0 if every combination keeps the bounds."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--networks", type=int, default=12)
    asked.add_argument("--seed", type=int, default=20)
    asked.add_argument("--rounds", type=int, default=15)
    given = asked.parse_args()
    x86 = target.find("x86")
    here = machine.describe(x86.threads)
    folder = given.out / "machines" / machine.name(here)
    covered = region()
    places = [gauge.shelf(folder, x86, runtime, kind) for runtime in x86.runtimes for kind in ("float32", "int8")]
    tables = [gauge.table(place, covered, thin=True) for place in places]  # from here on they are frozen
    with TemporaryDirectory() as scratch:
        drawn = [draw(given.seed, number, Path(scratch), x86) for number in range(given.networks)]
        found = [compare(place, one, drawn, given.rounds) for place, one in zip(places, tables, strict=True)]
    rows = [row for _, mine in found for row in mine]
    combinations = [summed for summed, _ in found]
    command = f"python -m tests.shows.latency --out runs --networks {given.networks} --seed {given.seed}"
    worst = summary(combinations)
    table_file(TABLE, rows, here, f"{date.today()}", command, **worst, combinations=combinations)
    print(json.dumps(worst, indent=1))
    return 0 if all(keeps(name, worst[name]) for name in BOUNDS) else 1


def keeps(name: str, value: float) -> bool:
    """Whether a figure is within its bound."""
    return value >= BOUNDS[name] if name == "spearman" else value <= BOUNDS[name]


def summary(combinations: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What every combination of runtime and precision keeps."""
    worst = {name: max(one[name] for one in combinations) for name in ("median_error", "worst_error")}
    return worst | {"spearman": min(one["spearman"] for one in combinations)}


def region() -> list[Layer]:
    """Every layer of the full network at every size: the table covers these and all thinner ones."""
    found = set()
    for size in SIZES:
        network = MODEL.network(MODEL.build(classes=CLASSES, size=size, width=1.0)).eval()
        found |= set(layers(network, torch.zeros(1, 3, size, size)))
    return sorted(found, key=str)


def compare(place: gauge.Shelf, table: Table, drawn: Sequence[Drawn], rounds: int) -> tuple[dict[str, Any], list[Any]]:
    """Predicted against measured, each network opened and timed twice in the same rounds as the reference."""
    kind = "int8" if place.int8 else "float32"
    calls = {"reference": gauge.call(gauge.REFERENCE, gauge.COPIES[1], place)}
    for turn in "ab":
        calls |= {f"{one.number}{turn}": call(one, kind, place) for one in drawn}
    series = timing.measure(calls, rounds=rounds, warmup=5, seconds=0.02)
    ms = {name: median(timing.medians(one)) for name, one in series.items()}
    drift = ms["reference"] / table.reference
    rows = [row(one, table, ms, drift) | {"runtime": place.runtime, "precision": kind} for one in drawn]
    summed = combination(rows) | {"runtime": place.runtime, "precision": kind, "drift": drift}
    kept = json.loads(place.file.read_text())
    summed |= {"version": place.version, "table_layers": len(kept["layers"]), "table_seconds": kept["seconds"]}
    show(summed, rows)
    return summed, rows


def call(one: Drawn, kind: str, place: gauge.Shelf) -> Callable[[], object]:
    """A network in the table's runtime."""
    image = np.full((1, 3, one.size, one.size), 114, np.float32)
    return partial(open_session(one.files[kind], place.runtime, threads=place.threads), image)


def row(one: Drawn, table: Table, ms: dict[str, float], drift: float) -> dict[str, Any]:
    """One network: ms as measured (mean of both), as predicted for today's speed of the reference call."""
    first, second = ms[f"{one.number}a"], ms[f"{one.number}b"]
    measured, plain = (first + second) / 2, table.predict(one.layers)
    return {
        "network": one.number,
        "size": one.size,
        "width": one.width,
        "measured_ms": measured,
        "predicted_ms": plain * drift,
        "error": plain * drift / measured - 1,
        "error_without_drift": plain / measured - 1,
        "noise": abs(first - second) / measured,
    }


def combination(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The figures of one runtime and precision."""
    errors, plain = ([abs(row[name]) for row in rows] for name in ("error", "error_without_drift"))
    measured, predicted = ([row[name] for row in rows] for name in ("measured_ms", "predicted_ms"))
    return {
        "median_error": median(errors),
        "worst_error": max(errors),
        "spearman": spearman(measured, predicted),
        "median_error_without_drift": median(plain),
        "worst_error_without_drift": max(plain),
        "median_noise": median(row["noise"] for row in rows),
        "worst_noise": max(row["noise"] for row in rows),
    }


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation (Spearman 1904) of values without ties."""
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def show(summed: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """A table on the terminal."""
    print(f"\n{summed['runtime']} {summed['version']} {summed['precision']}: {summed['table_layers']} layers,")
    print(f"measured in {summed['table_seconds']:.0f} s; the machine's drift since {summed['drift']:.3f}")
    for told in rows:
        print("  {network:2} {size} px x{width:<5}  {measured_ms:7.3f} ms".format(**told), end="")
        print("  predicted {predicted_ms:7.3f}  error {error:+6.1%}  noise {noise:5.1%}".format(**told))
    text = "  median {median_error:.1%}  worst {worst_error:.1%}  spearman {spearman:.3f}"
    text += "  noise median {median_noise:.1%}, worst {worst_noise:.1%}"
    print(text.format(**summed), flush=True)


def draw(seed: int, number: int, folder: Path, x86: target.Target) -> Drawn:
    """A network with a random size, width and share of each layer's channels left, and its files."""
    chance = random.Random(f"{seed} {number}")
    torch.manual_seed(number)
    size, width = chance.choice(SIZES), chance.choice(WIDTHS)
    network = MODEL.network(MODEL.build(classes=CLASSES, size=size, width=width, anchors=levels(chance)))
    thin(network, chance)
    network.eval()
    file, dressed = folder / f"{number}.onnx", folder / f"{number}-int8.onnx"
    to_onnx(network, (1, 3, size, size), file, names=MODEL.outputs, metadata={})
    noise = np.random.default_rng(number).uniform(0, 255, (2, 1, 3, size, size)).astype(np.float32)
    assert x86.int8 is not None
    quantize(file, dressed, noise, dressing=Dressing(**x86.int8.model_dump()))
    found = tuple(layers(network, torch.zeros(1, 3, size, size)))
    return Drawn(number, size, width, found, {"float32": file, "int8": dressed})


def levels(chance: random.Random) -> tuple[Any, ...] | None:
    """All levels with the scheme's anchors, or on every third network the last one, two or three dropped."""
    table = tuple(tuple((high, wide) for high, wide in level) for level in shapes(0.2, 0.95, LEVELS))
    dropped = chance.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))
    return table[: LEVELS - dropped] + ((),) * dropped if dropped else None


def thin(network: Any, chance: random.Random) -> None:
    """Leave a random share of every group's channels, in multiples of 16; a third of the levels stay thin."""
    backbone, inside = network.backbone, 3
    inside = narrow(backbone.conv0, inside, left(backbone.conv0, chance, 0.3))
    made = {}
    for place in range(1, max(backbone.taps) + 1):
        block = getattr(backbone, f"block{place}")
        narrow(block.depthwise, inside, inside)
        inside = made[place] = narrow(block.pointwise, inside, left(block.pointwise, chance, 0.3))
    maps = [made[tap] for tap in backbone.taps]
    for extra in network.extras:
        least = chance.choice((0.05, 0.3, 0.6))
        most = max(least, 0.2) if least < 0.3 else 1.0
        reduced = narrow(extra.reduce, inside, left(extra.reduce, chance, least, most))
        inside = narrow(extra.expand, reduced, left(extra.expand, chance, least, most))
        maps.append(inside)
    for level, head in network.heads.items():
        head.box = nn.Conv2d(maps[int(level)], head.box.out_channels, 1)
        head.classify = nn.Conv2d(maps[int(level)], head.classify.out_channels, 1)


def left(block: Block, chance: random.Random, least: float, most: float = 1.0) -> int:
    """How many channels a block keeps."""
    return max(16, round(block.conv.out_channels * chance.uniform(least, most) / 16) * 16)


def narrow(block: Block, inside: int, outside: int) -> int:
    """Give a block new, random convolutions of other widths; `outside`."""
    old = block.conv
    groups = inside if old.groups > 1 else 1
    sizes = (old.kernel_size, old.stride, old.padding)
    block.conv = nn.Conv2d(inside, outside, *sizes, groups=groups, bias=False)  # type: ignore[arg-type]
    nn.init.kaiming_normal_(block.conv.weight)
    block.norm = nn.BatchNorm2d(outside, eps=1e-3)
    return outside


if __name__ == "__main__":
    sys.exit(main())
