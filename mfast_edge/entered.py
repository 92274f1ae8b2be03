"""Runs, candidates and graphs as what can be timed, at any batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import results
from export.board import stamp
from export.errors import ExportError, RuntimeMissing
from export.sessions import RUNTIMES, Session, available, open_session, tried
from export.shape import asked, feeds, inputs, normed, precision
from export.sized import sized
from mfast_edge import blueprint
from mfast_edge.candidate import digest
from mfast_edge.errors import UserError
from mfast_edge.metrics.weight import size
from mfast_edge.models.steps import parts
from mfast_edge.opened import Opened, opened
from mfast_edge.raced import REFERENCE, Call, Entry
from mfast_edge.runners import gradient, through, torch_on
from mfast_edge.store import Store
from mfast_edge.timed import PHOTOS

Sizes = Mapping[str, tuple[int, ...]]
EAGER = {"mode": "eager", "precision": "float32", "fused": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """How everything is called: on so many threads, at these batches (none: its own), with `sizes` as
    export.shape.asked takes them. `folder`: where files lie that are made on the way. `score`: beside the run's
    float network."""

    threads: int
    folder: Path
    batches: tuple[int, ...] = ()
    sizes: Sizes = field(default_factory=dict)
    score: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a network beside its file; `source` where it is a candidate, with decoding and photos."""

    name: str
    model: str = ""
    f1: float | None = None
    gates: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    source: Opened | None = None
    fused: bool | None = None


def entered(path: Path, how: Setting) -> list[Entry]:
    """A run, a candidate or a graph, once in each runtime that is here and at each batch.

    UserError for a path that is none of these, for a size that is open or wrong, for `score` without a run, and for
    an engine that cannot run here.
    """
    if path.suffix == ".onnx" and not (path.parent / "card.json").is_file():
        return graphs(path, Known(path.stem), how)
    source = opened(path.parent if path.suffix == ".onnx" else path)
    known = told(source)
    candidate = source.candidate
    if candidate.form == "engine":
        return engines(source, known, how)
    found = networks(source, known, how) if candidate.form == "torch" else graphs(candidate.file, known, how)
    return found + (reference(source, how) if how.score else [])


def told(source: Opened) -> Known:
    """What is known of a candidate; of a graph of any origin neither an F1 nor how it is decoded."""
    candidate, final = source.candidate, source.final
    gates, ours = tuple(final.get("gates", ())), not candidate.model.endswith(".onnx")
    f1 = final["metrics"]["test"]["f1"] if final and ours else None
    return Known(title(source), candidate.model, f1, gates, {"run": candidate.key}, source if ours else None)


def reference(source: Opened, how: Setting) -> list[Entry]:
    """The float graph of a run's float network, which its score is counted from. UserError where there is none."""
    base = Store(source.runs).find(source.final["float"]["key"]) if "float" in source.final else None
    files = sorted((base.folder / "probe").glob("float-*.onnx")) if base else []
    if base is None or not files:
        raise UserError(f"--score: {source.candidate.folder} is no run with its float graph; a run's folder, finished")
    options = {REFERENCE: True, "run": source.candidate.key}
    whole = Opened(base, {}, source.page, source.runs)
    known = Known(title(whole), base.model, source.final["float"]["test"]["f1"], (), options, whole)
    return graphs(files[0], known, how)


def graphs(file: Path, known: Known, how: Setting) -> list[Entry]:
    """A graph in each runtime at each batch; what a batch or a runtime refuses is a row that says so."""
    return [
        in_runtime(file, batch, runtime, known, how)
        for batch in how.batches or (None,)
        for runtime in RUNTIMES
        if runtime != "tensorrt" and available(runtime)  # which runs engines
    ]


def engines(source: Opened, known: Known, how: Setting) -> list[Entry]:
    """An engine in TensorRT with all that surrounds it, at the sizes of the graph that it was built of.

    At another batch a row that says so. UserError where it cannot run here, and for a score: the seconds of its float
    network are another device's.
    """
    engine = source.candidate
    if how.score:
        why = f"{engine.folder} is an engine, whose time is a GPU's and its float network's the CPU's"
        raise UserError(f"--score: {why}; without it would be right")
    graph = Store(source.runs).parent(engine).file
    try:
        session, own = open_session(engine.file, "tensorrt", threads=how.threads), asked(graph, how.sizes)
    except RuntimeMissing:
        why = f"{engine.folder} is an engine, and no TensorRT with a GPU is here"
        raise UserError(f"bench: {why}; run.py bench of the run's bundle, on the device, would be right") from None
    except ExportError as wrong:
        raise UserError(f"bench: {wrong}") from None
    calls = parts(session, seen(source), source.model.decode, source.facts)
    found = []
    for batch in how.batches or (None,):
        sizes = asked(graph, how.sizes, batch)
        row = stamped(described(graph, sizes, "tensorrt", known, how), engine.file, session)
        why = "" if sizes == own else f"an engine is for the batch that it was built for, {next(iter(own.values()))[0]}"
        found.append(Entry(replace(row, remark=why), {} if why else calls))
    return found


def stamped(row: results.Row, engine: Path, session: Session) -> results.Row:
    """The row of a graph as that of the engine built of it."""
    precision = stamp.read(engine, "")["precision"]
    return replace(row, file=engine.name, mb=size(engine), precision=precision, versions=session.versions)


def in_runtime(file: Path, batch: int | None, runtime: str, known: Known, how: Setting) -> Entry:
    """A graph in one runtime, at a batch or its own."""
    try:
        sizes = asked(file, how.sizes, batch)
    except ExportError as wrong:
        raise UserError(f"bench: {wrong}") from None
    row = described(file, sizes, runtime, known, how)
    try:
        made = at(file, sizes, how.folder)
        session = open_session(made, runtime, threads=how.threads)
        fed = feeds(made, sizes)
        tried(session, fed)
    except ExportError as wrong:
        return Entry(replace(row, remark=str(wrong)), {})
    source, first = known.source, next(iter(fed.values()))
    calls: dict[str, Call] = {"forward": partial(session.feed or session, fed)}  # type: ignore[arg-type]
    if source and len(fed) == 1 and len(first) == 1:
        calls = parts(session, seen(source), source.model.decode, source.facts)
    job = {"graph": str(made), "runtime": runtime, "threads": how.threads, "sizes": sizes}
    return Entry(replace(row, versions=session.versions), calls, made, job)


def at(file: Path, sizes: Sizes, folder: Path) -> Path:
    """The graph for these sizes: the file itself where it has them. Raises ExportError."""
    if sizes == {name: own for name, (own, _) in inputs(file).items()}:
        return file
    told = "-".join("x".join(map(str, one)) for one in sizes.values())
    made = folder / f"{digest(str(file.resolve()))}-{told}.onnx"
    if not made.is_file():
        sized(file, made, sizes)
    return made


def described(file: Path, sizes: Sizes, runtime: str, known: Known, how: Setting) -> results.Row:
    """The row of a graph without what is measured."""
    first = next(iter(sizes.values()))
    kind = precision(file)
    fused = False if normed(file) else (True if known.source else known.fused)
    return results.Row(
        name=known.name,
        file=file.name,
        runtime=runtime,
        versions={},
        threads=how.threads,
        options=known.options,
        mb=size(file),
        f1=known.f1,
        precision="bfloat16" if runtime.endswith("-bf16") and kind == "float32" else kind,
        model=known.model,
        fused=fused,
        batch=first[0] if first else 1,
        inputs={name: list(one) for name, one in sizes.items()},
        gates=known.gates,
    )


def networks(source: Opened, known: Known, how: Setting) -> list[Entry]:
    """A torch candidate with its backward, at batch 1 with all that surrounds it."""
    return [in_torch(source, batch, known, how) for batch in how.batches or (1,)]


def in_torch(source: Opened, batch: int, known: Known, how: Setting) -> Entry:
    """A torch candidate at one batch."""
    import torch

    network, folder = blueprint.rebuild(source.candidate.folder, source.model), source.candidate.folder
    forward, image = through(network, "cpu"), torch.zeros(batch, 3, source.facts["height"], source.facts["width"])
    calls: dict[str, Call] = {"forward": partial(forward, image.numpy())}
    if batch == 1:
        with torch_on(how.threads):
            calls = parts(forward, seen(source), source.model.decode, source.facts)
    # Another copy: pre-packed weights of the one above need not survive a backward.
    calls["forward_backward"] = gradient(blueprint.rebuild(folder, source.model), image)
    row = results.Row(
        name=known.name,
        file=source.candidate.file.name,
        runtime="torch",
        versions={"torch": torch.__version__},
        threads=how.threads,
        options=known.options,
        mb=size(source.candidate.file),
        f1=known.f1,
        precision="float32",
        model=known.model,
        how="eager",
        fused=False,
        batch=batch,
        inputs={"image": list(image.shape)},
        gates=known.gates,
    )
    job = {"candidate": str(folder), "model": known.model, "way": EAGER, "threads": how.threads, "batch": batch}
    return Entry(row, calls, job=job)


def title(source: Opened) -> str:
    """The model and the last stage."""
    return f"{source.candidate.model} {source.candidate.lineage[-1].stage}"


def seen(source: Opened) -> list[np.ndarray]:
    """Photos to work on: validation photos of the candidate's run, else drawn ones."""
    if "data" in source.page:
        from mfast_edge.data.index import again
        from mfast_edge.data.photo import load

        data = again(source.page["data"], cache=source.runs / "data")
        return [load(record) for record in data.splits["val"][:PHOTOS]]
    from mfast_edge.data.particles import scene

    return [scene(np.random.default_rng(number), source.facts["height"]).photo for number in range(PHOTOS)]
