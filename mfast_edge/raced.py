"""Runs, candidates and graphs timed against each other on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import machine, results, timing
from export.errors import ExportError
from export.sessions import RUNTIMES, available
from export.shape import grey
from mfast_edge import blueprint
from mfast_edge.errors import UserError
from mfast_edge.metrics.weight import size
from mfast_edge.opened import Opened, graph, opened
from mfast_edge.runners import gradient, through, torch_on
from mfast_edge.timed import PHOTOS, parts

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in one runtime, and the steps to time: forward and, for a candidate, what surrounds it."""

    name: str
    file: Path
    runtime: str
    versions: Mapping[str, str]
    calls: Mapping[str, Call]
    precision: str = ""


def race(paths: Sequence[Path], threads: int, rounds: int, command: str) -> results.Results:
    """Everything in the same rounds. UserError for a path that is neither a run, a candidate nor a graph."""
    entries = [entry for path in paths for entry in entered(path, threads)]
    calls = {f"{place} {part}": call for place, entry in enumerate(entries) for part, call in entry.calls.items()}
    with torch_on(threads) if any(entry.runtime == "torch" for entry in entries) else nullcontext():
        series = timing.measure(calls, rounds=rounds)
    rows = [row(entry, place, threads, series) for place, entry in enumerate(entries)]
    return results.Results(machine.describe(threads), f"{date.today()}", command, tuple(rows))


def row(entry: Entry, place: int, threads: int, series: Mapping[str, timing.Series]) -> results.Row:
    """One line of the results."""
    found = {part: timing.summary(series[f"{place} {part}"]) for part in entry.calls}
    return results.Row(
        name=entry.name,
        file=entry.file.name,
        runtime=entry.runtime,
        versions=entry.versions,
        threads=threads,
        mb=size(entry.file),
        precision=entry.precision,
        forward=found["forward"],
        pre=found.get("pre"),
        post=found.get("post"),
        end_to_end=found.get("end_to_end"),
        forward_backward=found.get("forward_backward"),
    )


def entered(path: Path, threads: int) -> list[Entry]:
    """A run, a candidate or a graph, once in each runtime."""
    if path.suffix == ".onnx" and not (path.parent / "card.json").is_file():
        return plain(path, threads)
    source = opened(path.parent if path.suffix == ".onnx" else path)
    return networks(source, threads) if source.candidate.form == "torch" else graphs(source, threads)


def plain(path: Path, threads: int) -> list[Entry]:
    """A graph that nothing is known of: the forward alone, on a grey image."""
    try:
        image = grey(path)
    except ExportError as wrong:
        raise UserError(f"bench: {wrong}") from None
    sessions = [graph(path, runtime, threads) for runtime in here()]
    return [Entry(path.stem, path, one.runtime, one.versions, {"forward": partial(one, image)}) for one in sessions]


def graphs(source: Opened, threads: int) -> list[Entry]:
    """A candidate's graph with all that surrounds it."""
    file, photos = source.candidate.file, seen(source)
    entries = []
    for runtime in here():
        session = graph(file, runtime, threads)
        calls = parts(session, photos, source.model.decode, source.facts)
        entries.append(Entry(title(source), file, runtime, session.versions, calls, precision(source)))
    return entries


def networks(source: Opened, threads: int) -> list[Entry]:
    """A torch candidate with all that surrounds it, and its backward."""
    import torch

    network = blueprint.rebuild(source.candidate.folder, source.model)
    with torch_on(threads):
        calls = parts(through(network, "cpu"), seen(source), source.model.decode, source.facts)
    image = torch.zeros(1, 3, source.facts["height"], source.facts["width"])
    trained = blueprint.rebuild(source.candidate.folder, source.model)  # its norms are in train mode
    calls["forward_backward"] = gradient(trained, image)
    versions = {"torch": torch.__version__}
    return [Entry(title(source), source.candidate.file, "torch", versions, calls, precision(source))]


def here() -> list[str]:
    """The runtimes that this machine has."""
    return [runtime for runtime in RUNTIMES if available(runtime)]


def title(source: Opened) -> str:
    """The model and the last stage."""
    return f"{source.candidate.model} {source.candidate.lineage[-1].stage}"


def precision(source: Opened) -> str:
    """The arithmetic."""
    return "int8" if any(step.stage == "quantize" for step in source.candidate.lineage) else "float32"


def seen(source: Opened) -> list[np.ndarray]:
    """Photos to work on: validation photos of the candidate's run, else drawn ones."""
    if "data" in source.page:
        from mfast_edge.data.index import again
        from mfast_edge.data.photo import load

        data = again(source.page["data"], cache=source.runs / "data")
        return [load(record) for record in data.splits["val"][:PHOTOS]]
    from mfast_edge.data.particles import scene

    return [scene(np.random.default_rng(number), source.facts["height"]).photo for number in range(PHOTOS)]
