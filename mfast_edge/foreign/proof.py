"""The proof of a run on a graph: outputs on test compared once, every stage timed in the same rounds, the gates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import gates, results, timing
from export.bundle import bundle
from export.guide import guide
from export.intake import intake
from export.sessions import Session, open_session
from export.shape import grey
from mfast_edge import blueprint
from mfast_edge.foreign.judge import likeness, some
from mfast_edge.likened import SAME, slack
from mfast_edge.metrics.weight import size
from mfast_edge.packed import RUNTIME, engine, saved
from mfast_edge.proof import PRECISIONS, operators
from mfast_edge.runners import telling
from mfast_edge.store import write_json
from mfast_edge.timed import stood

if TYPE_CHECKING:
    from mfast_edge.foreign.shop import Adopted
    from mfast_edge.pipeline import Row

GIVEN = "given"  # the file as it was given, beside the stages
INPUTS = 4  # that a board is checked with: as the graph takes them, each as large as its floats

Timed = Mapping[tuple[str, str], tuple[Session, Mapping[str, float]]]


def prove(shop: Adopted, rows: Sequence[Row], least: float, command: str, folder: Path) -> dict[str, Any]:
    """What `compress` ends with, as JSON; all timings go to results/<machine>.json in `folder`."""
    kept = [row for row in rows if row.verdict.keep]
    final = kept[-1] if kept else rows[0]  # where even folding changed what it gives, a gate says so
    timed = clock(shop, rows)
    record(shop, rows, timed, command, folder)
    at = {row.stage: stood(shop, rows, row).stage for row in rows}
    best = quickest(timed, at[final.stage])
    same = likeness(shop, final.candidate.file, best, some(shop, "test"))
    asked, least = least, SAME if final.stage == rows[0].stage else least
    file = final.candidate.file
    return {
        "model": shop.model.name,
        "data": shop.data.name,
        "target": shop.target.name,
        "command": command,
        "machine": shop.machine,
        "here": shop.here,
        "proxy": not shop.target.here,
        "date": f"{date.today()}",
        "key": final.candidate.key,
        "form": final.candidate.form,
        "file": str(file),
        "mb": size(file),
        "onnx_mb": size(file),
        "graph": blueprint.read(final.candidate.folder)["graph"],
        "metrics": {"likeness": same, "least": least},
        "likeness": asked,
        "ms": forwards(timed, at[final.stage]),
        "given": {"mb": given_mb(shop), "ms": forwards(timed, GIVEN)},
        "score": None,
        "gates": [asdict(gate) for gate in judged(shop, file, same, least)],
        "kept": [row.stage for row in kept],
        "rolled_back": [row.stage for row in rows if not row.verdict.keep],
        "rows": [told_row(row, timed, at[row.stage]) for row in rows],
    }


def clock(shop: Adopted, rows: Sequence[Row]) -> Timed:
    """The file as given and each row that no other stands for, in each runtime on a grey image, in alternating
    rounds."""
    assert shop.init is not None
    mine = [row for row in rows if stood(shop, rows, row) is row]
    files = {GIVEN: shop.init, **{row.stage: row.candidate.file for row in mine}}
    image = grey(rows[0].candidate.file)
    sessions = {
        (stage, runtime): open_session(file, runtime, threads=shop.target.threads)
        for stage, file in files.items()
        for runtime in shop.target.measured
    }
    series = shop.time({f"{stage} {runtime}": partial(one, image) for (stage, runtime), one in sessions.items()})
    return {pair: (one, timing.summary(series[" ".join(pair)])) for pair, one in sessions.items()}


def forwards(timed: Timed, stage: str) -> dict[str, float]:
    """{runtime: p50 in ms}."""
    return {runtime: found["p50"] for (name, runtime), (_, found) in timed.items() if name == stage}


def quickest(timed: Timed, stage: str) -> str:
    """The runtime with the smallest median."""
    ms = forwards(timed, stage)
    return min(ms, key=lambda runtime: ms[runtime])


def judged(shop: Adopted, file: Path, same: Mapping[str, float], least: float) -> list[gates.Gate]:
    """Weight, likeness of the raw outputs on test, operators that the target knows."""
    found = [
        gates.weight(file.stat().st_size, shop.target.mb),
        gates.at_least("likeness of raw outputs", same["cosine"], least, "cosine"),
        gates.at_least("likeness of the worst channel", same["channel"], slack(least), "cosine"),
    ]
    return found + operators(shop.target, file)


def given_mb(shop: Adopted) -> float:
    """The given file's weight."""
    assert shop.init is not None
    return size(shop.init)


def told_row(row: Row, timed: Timed, at: str) -> dict[str, Any]:
    """A stage as the report shows it, with the times of the stage `at`, which stands for it; likeness is on val."""
    runtime = quickest(timed, at)
    same = row.verdict.parity or {}
    return {
        "stage": row.stage,
        "key": row.candidate.key,
        "cosine": same["cosine"],
        "channel": same["channel"],
        "max_abs": same["max_abs"],
        "mb": size(row.candidate.file),
        "runtime": runtime,
        "forward_ms": forwards(timed, at),
        "p50_ms": timed[at, runtime][1]["p50"],
        "seconds": row.seconds,
        "keep": row.verdict.keep,
        "verdict": row.verdict.sentence,
    }


def record(shop: Adopted, rows: Sequence[Row], timed: Timed, command: str, folder: Path) -> None:
    """results/<machine>.json: a row for each stage that was timed and each runtime."""
    files = {row.stage: row.candidate.file for row in rows}
    said = {row.stage: row.verdict.sentence for row in rows}
    made = tuple(
        results.Row(
            name=f"{shop.model.name} {stage}",
            file=files.get(stage, Path(shop.model.name)).name,
            runtime=runtime,
            versions=session.versions,
            threads=session.threads,
            forward=found,
            proxy=not shop.target.here,
            mb=size(files[stage]) if stage in files else given_mb(shop),
            precision=PRECISIONS.get(stage, "float32"),
            model=shop.model.name,
            remark=said.get(stage, "as it was given"),
        )
        for (stage, runtime), (session, found) in timed.items()
    )
    whole = results.Results(shop.here, f"{date.today()}", command, made)
    (folder / "results").mkdir(parents=True, exist_ok=True)
    results.write(results.place(folder / "results", whole), whole)


def pack(shop: Adopted, rows: Sequence[Row], final: Mapping[str, Any], folder: Path) -> None:
    """The bundle: every kept graph, where the device is absent the others too, in judge/; inputs and what each gave for
    them; a manifest that says what it takes and how near it is."""
    held = {row.stage: f"{'' if row.verdict.keep else 'judge/'}{row.stage}.onnx" for row in rows}
    kept = {held[row.stage]: row for row in rows if row.verdict.keep or not shop.target.here}
    graphs = {name: row.candidate.file for name, row in kept.items()}
    write_json(folder / "target.json", shop.target.model_dump(mode="json"))
    takes = intake(rows[0].candidate.file)
    layout = "NHWC" if takes.channels_last else "NCHW"
    manifest = {
        "model": shop.model.name,
        "target": shop.target.name,
        "key": final["key"],
        "file": next((name for name in reversed(graphs) if "/" not in name), None),
        "labels": blueprint.read(rows[0].candidate.folder)["decode"]["classes"],
        "input": dict.fromkeys(graphs, f"{takes.kind} {layout} {takes.scale}"),
        "size": [takes.height, takes.width],
        "outputs": final["graph"]["outputs"],
        "runtimes": list(shop.target.runtimes),
        "likeness": final["metrics"]["likeness"],
        "decoder": None,
    }
    with tempfile.TemporaryDirectory() as beside:
        images = list(shop.taken(rows[0].candidate.file, some(shop, "val")[:INPUTS]))
        seen = dict(saved(f"check/inputs/{number}.npy", image, Path(beside)) for number, image in enumerate(images))
        told = {}
        files: dict[str, Path] = {}
        for name, row in kept.items():
            raw = [outputs(name, graphs[name], number, image, Path(beside)) for number, image in enumerate(images)]
            files |= {one: path for each in raw for one, path in each.items()}
            facts = {"stage": row.stage, "keys": [row.candidate.key], **engine(row.candidate.file, shop.target)}
            told[name] = {**facts, "raw": [list(each) for each in raw]}
        manifest |= {"graphs": told, "check": {"inputs": list(seen), "runtime": RUNTIME}}
        graphs |= {**seen, **files}
        readme = Path(beside) / "README.md"
        readme.write_text(guide(shop.model.name, shop.target.title, shop.target.board, shop.target.runtimes, "graph"))
        bundle(folder / "bundle", {**graphs, "README.md": readme}, manifest)


def outputs(name: str, graph: Path, number: int, image: np.ndarray, beside: Path) -> dict[str, Path]:
    """{name in the bundle: file} of what a graph gives for the stored input of that number."""
    given = open_session(telling(graph), RUNTIME)(image)
    stem = f"check/{name.removesuffix('.onnx')}/{number}"
    return dict(saved(f"{stem}-{place}.npy", one, beside) for place, one in enumerate(given))
