"""Measures latency tables with the benchmarks' clock and keeps them: nothing is measured twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import timing
from export.layer import Layer
from export.sessions import VARIANTS
from mfast_edge.candidate import digest
from mfast_edge.errors import UserError
from mfast_edge.latency import Stairs, Table, neighbours, thinner
from mfast_edge.ratios import UNKNOWN
from mfast_edge.store import claim, read_json, write_json
from mfast_edge.target import Int8, Precision, Target

if TYPE_CHECKING:
    from export.int8 import Dressing

FORMAT = 2
COPIES = (1, 4)  # of the layer, in the two graphs whose difference counts
ROUNDS, WARMUP, SECONDS = 8, 5, 0.004  # of a pass; seconds per graph and round
PASSES = 6  # at most: a layer counts once two passes agree, for another program may spoil one
AGREED, FINE = 0.1, 0.001  # apart by that share of their mean, or that many ms
BATCH = 12  # layers in the same rounds, and lost when killed
REFERENCE = Layer("conv", 128, 256, 19)
STEM = Layer("conv", 3, 16, 1, (3, 3), 2)  # what an image goes through when the call itself is measured


@dataclass(frozen=True, slots=True)
class Measured:
    """ms of each layer, and of the reference call in the same rounds."""

    layers: tuple[float, ...]
    reference: float


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a table lies and what it is of; `int8` None: float."""

    folder: Path
    runtime: str
    version: str
    threads: int
    int8: Int8 | None
    stairs: Stairs

    @property
    def file(self) -> Path:
        """One file per runtime, version, threads, dressing and stairs."""
        dressed = "-".join(f"{value}" for value in self.int8.model_dump().values()) if self.int8 else ""
        name = f"{self.runtime}-{self.version}-{self.threads}t-{f'int8-{dressed}' if dressed else 'float32'}"
        return self.folder / f"latency-{name.lower()}-{self.stairs.inside}by{self.stairs.outside}.json"

    @property
    def header(self) -> dict[str, Any]:
        """What a file must say to be this table."""
        told = {"runtime": self.runtime, "version": self.version, "threads": self.threads}
        dressing = self.int8.model_dump() if self.int8 else None
        return {
            **{"format": FORMAT, "machine": self.folder.name, "dressing": dressing, **told},
            "stairs": [self.stairs.inside, self.stairs.outside],
        }


Gauge = Callable[[Sequence[Layer], Shelf], Measured]


def shelf(folder: Path, target: Target, runtime: str, precision: Precision) -> Shelf:
    """The place in `folder` (runs/machines/<machine>) of the target's table. UserError: no such runtime, precision.

    A variant of a runtime has a table of its own, under the version of the package that it comes with.
    """
    if precision not in ("float32", "int8") or (precision == "int8" and target.int8 is None):
        raise UserError(f"latency: {precision} on {target.name} has no table; float32 or, where it is known, int8 has")
    int8 = target.int8 if precision == "int8" else None
    stairs = Stairs(min(target.dot, target.rounding) if int8 else target.rounding, target.rounding)
    return Shelf(folder, runtime, release(runtime), target.threads, int8, stairs)


def release(runtime: str) -> str:
    """The version of the package that a runtime, or a variant of one, comes with. UserError where it is not here."""
    try:
        return version(VARIANTS.get(runtime, runtime))
    except PackageNotFoundError:
        raise UserError(f"latency: {runtime} is not installed here; a target without it would be right") from None


def table(
    place: Shelf,
    layers: Iterable[Layer],
    *,
    thin: bool = False,
    measure: Gauge | None = None,
    tell: Callable[[str], None] = print,
) -> Table:
    """The table that predicts `layers`, with `thin` also any with fewer channels; what it lacks is measured.

    Each batch is on disk before the next begins: a killed measurement goes on where it stopped. Entries are
    divided by the reference call of their own rounds, so that those of different days can be added up.
    UserError where the file is of another machine, runtime version, thread count or dressing.
    """
    kept = opened(place)
    lacking = sorted((thinner if thin else neighbours)(layers, place.stairs) - set(rows(kept)), key=str)
    if lacking:
        place.folder.mkdir(parents=True, exist_ok=True)
        with place.file.with_suffix(".lock").open("w") as lock:
            claim(lock.fileno(), place.file.name)
            extend(place, lacking, measure or gauge, tell)
    return held(place)


def held(place: Shelf) -> Table:
    """The table as it lies there; nothing is measured. One that was never begun is empty, its digest says so."""
    kept = opened(place)
    told = digest({**place.header, "reference": kept["reference"]}) if kept["layers"] else UNKNOWN
    return Table(rows(kept), kept["reference"], told, place.stairs)


def opened(place: Shelf) -> dict[str, Any]:
    """The file's content, or that of a table with nothing in it. UserError where it is of something else."""
    kept = read_json(place.file)
    if kept is None:
        return {**place.header, "reference": 0.0, "seconds": 0.0, "layers": []}
    if wrong := [name for name, value in place.header.items() if kept.get(name) != value]:
        given = f"{wrong[0]} {kept.get(wrong[0])!r}"
        raise UserError(
            f"latency: {place.file} has {given}; {place.header[wrong[0]]!r} would be right: remove the file"
        )
    return dict(kept)


def rows(kept: Mapping[str, Any]) -> dict[Layer, float]:
    """Layers and their ms, as a file holds them."""
    return {Layer(**row | {"kernel": tuple(row["kernel"])}): ms for row, ms in kept["layers"]}


def extend(place: Shelf, lacking: Sequence[Layer], measure: Gauge, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure what is lacking, batch by batch, into the file."""
    kept = opened(place)  # once more, behind the lock
    lacking = [layer for layer in lacking if layer not in rows(kept)]
    kind = "int8" if place.int8 else "float32"
    tell(f"latency: measuring {len(lacking)} layers, {kind} in {place.runtime} {place.version}")
    for start in range(0, len(lacking), BATCH):
        began, batch = time.monotonic(), lacking[start : start + BATCH]
        found = settled(batch, place, measure)
        kept["reference"] = kept["reference"] or found.reference
        slower = found.reference / kept["reference"]
        kept["layers"] += [[written(layer), ms / slower] for layer, ms in zip(batch, found.layers, strict=True)]
        kept["seconds"] += time.monotonic() - began
        write_json(place.file, kept)
    return dict(json.loads(place.file.read_text()))


def settled(layers: Sequence[Layer], place: Shelf, measure: Gauge) -> Measured:
    """Passes over the layers until two agree on each, in units of the reference call of their own rounds; then
    those two's mean, or after PASSES that of the nearest two, for the quietest pass's reference call."""
    seen: dict[Layer, list[float]] = {layer: [] for layer in layers}
    waiting, quietest = list(layers), float("inf")
    for _ in range(PASSES):
        found = measure(waiting, place)
        quietest = min(quietest, found.reference)
        for layer, ms in zip(waiting, found.layers, strict=True):
            seen[layer].append(ms / found.reference)
        waiting = [layer for layer in waiting if not agreed(seen[layer], quietest)]
        if not waiting:
            break
    return Measured(tuple(sum(nearest(seen[layer])) / 2 * quietest for layer in layers), quietest)


def agreed(passes: Sequence[float], unit: float) -> bool:
    """Whether two of the passes lie near each other."""
    if len(passes) < 2:
        return False
    low, high = nearest(passes)
    return high - low <= max(AGREED * (low + high) / 2, FINE / unit)


def nearest(passes: Sequence[float]) -> tuple[float, float]:
    """The two passes that are least apart, the lower one first."""
    return min(pairwise(sorted(passes)), key=lambda pair: pair[1] - pair[0])


def written(layer: Layer) -> dict[str, Any]:
    """A layer as JSON, without its place in a network."""
    return {name: value for name, value in asdict(layer).items() if name != "path"}


def gauge(layers: Sequence[Layer], place: Shelf) -> Measured:
    """The layers on this machine's clock: a layer costs what more copies of it add to a call."""
    calls = {"reference": call(REFERENCE, COPIES[1], place)}
    for layer in layers:
        calls |= {f"{layer} {copies}": call(layer, copies, place) for copies in COPIES}
    series = timing.measure(calls, rounds=ROUNDS, warmup=WARMUP, seconds=SECONDS)
    medians = {name: timing.medians(one) for name, one in series.items()}
    found = (cost(layer, *(medians[f"{layer} {copies}"] for copies in COPIES)) for layer in layers)
    return Measured(tuple(found), median(medians["reference"]))


def cost(layer: Layer, few: Sequence[float], many: Sequence[float]) -> float:
    """ms of one layer by the rounds' medians of both graphs; of an image, what is left without its layer."""
    added = [(b - a) / (COPIES[1] - COPIES[0]) for a, b in zip(few, many, strict=True)]
    if layer.kind == "image":
        added = [a - COPIES[0] * one for a, one in zip(few, added, strict=True)]
    return max(0.0, median(added))  # a layer of a microsecond may drown in the noise


def call(layer: Layer, copies: int, place: Shelf) -> Callable[[], object]:
    """`copies` of a layer as a graph in the table's runtime and dressing, ready to call."""
    from export.probe import write
    from export.sessions import open_session

    if layer.kind == "image":
        layer = Layer("conv", layer.inside, STEM.outside, -(-layer.side // STEM.stride), STEM.kernel, STEM.stride)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "probe.onnx"
        shape = write(layer, copies, file, dressed(place.int8))
        session = open_session(file, place.runtime, threads=place.threads)
    return partial(session, np.full(shape, 114, np.float32))


def dressed(int8: Int8 | None) -> Dressing | None:
    """The target's int8 as export takes it; no calibrator is asked."""
    from export.int8 import Dressing

    return Dressing(**int8.model_dump()) if int8 else None
