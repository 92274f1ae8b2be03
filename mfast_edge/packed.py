"""The bundle of a run: its graphs, what they find in ten photos, and everything that a device needs beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.bundle import bundle, placed
from export.guide import guide
from export.shape import pixels, precision
from mfast_edge import blueprint
from mfast_edge.candidate import file_digest
from mfast_edge.data.photo import load as load_photo
from mfast_edge.judge import PARITY_SCORE
from mfast_edge.model import title
from mfast_edge.models.detections import Detections, detect
from mfast_edge.runners import open_file
from mfast_edge.store import write_json

if TYPE_CHECKING:
    from mfast_edge.judge import Judge
    from mfast_edge.pipeline import Row
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop

LAYOUTS = {"float32": "float32 NCHW", "uint8": "uint8 NHWC"}
PHOTOS = 10  # that a board is checked with
PAGES = {"detect": "common", "classify": "classify"}  # what export.guide calls its pages
RUNTIME = "onnxruntime"  # whose detections are stored: a board may have the same


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph of a bundle: its name there, where it lies here, the rows that it stands for, the last one first."""

    name: str
    file: Path
    rows: tuple[Row, ...]


def pack(judge: Judge, rows: Sequence[Row], final: Mapping[str, Any], folder: Path) -> None:
    """`folder`/bundle: kept graphs; where the device is absent, in judge/, the others that were compared too."""
    shop, graphs = judge.shop, chosen(judge, rows)
    write_json(folder / "target.json", shop.target.model_dump(mode="json"))
    with tempfile.TemporaryDirectory() as beside:
        seen = shown(shop)
        files = {one.name: one.file for one in graphs}
        files |= dict(photos(seen, Path(beside)))
        told = {}
        for graph in graphs:
            found = dict(stored(shop, graph, seen, Path(beside)))
            files |= found
            told[graph.name] = described(shop, graph, list(found))
        readme = Path(beside) / "README.md"
        readme.write_text(
            guide(title(shop.model), shop.target.title, shop.target.board, shop.target.runtimes, PAGES[shop.model.task])
        )
        check = {"photos": [name for name in files if name.startswith("check/photos/")], "score": PARITY_SCORE}
        made = manifest(shop, rows, final) | {"graphs": told, "check": {**check, "runtime": RUNTIME}}
        bundle(folder / "bundle", {**files, "README.md": readme}, made)


def chosen(judge: Judge, rows: Sequence[Row]) -> list[Graph]:
    """What a bundle holds: the kept graphs, by stage; without the device all others that a verdict was about.

    A file that stands for several rows, as an export does for the network it was made from, is there once.
    """
    found: dict[str, Graph] = {}
    for row in reversed(rows):
        kept = row.verdict.keep and is_graph(row)
        if row.candidate.form == "engine" or (judge.shop.target.here and not kept):
            continue
        file = judge.graph(row.candidate)
        name = f"{row.stage}.onnx" if kept else f"judge/{row.stage}.onnx"
        mark = file_digest(file)
        known = found.get(mark, Graph(name, file, ()))
        found[mark] = replace(known, rows=(*known.rows, row))
    return list(reversed(found.values()))


def is_graph(row: Row) -> bool:
    """Whether the row's file travels; an engine is built where it runs."""
    return row.candidate.form == "onnx"


def shown(shop: Workshop) -> list[np.ndarray]:
    """The check photos: of val, evenly spread over those with objects."""
    records = [record for record in shop.data.splits["val"] if len(record.truth.boxes)] or shop.data.splits["val"]
    return [load_photo(record) for record in records[:: max(1, len(records) // PHOTOS)][:PHOTOS]]


def photos(seen: Sequence[np.ndarray], beside: Path) -> Iterator[tuple[str, Path]]:
    """(name in the bundle, file) of each check photo."""
    for number, photo in enumerate(seen):
        yield saved(f"check/photos/{number}.npy", photo, beside)


def stored(shop: Workshop, graph: Graph, seen: Sequence[np.ndarray], beside: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of what a graph finds in each check photo: rows of x1 y1 x2 y2 score class."""
    forward, facts = open_file(graph.file, RUNTIME, 1), shop.facts(graph.rows[0].candidate)
    for number, photo in enumerate(seen):
        found = detect(photo, forward, shop.model.decode, facts)
        yield saved(f"check/{graph.name.removesuffix('.onnx')}/{number}.npy", columns(found), beside)


def columns(found: Detections) -> np.ndarray:
    """(K, 6) float32."""
    return np.concatenate([found.boxes, found.scores[:, None], found.classes[:, None]], 1).astype(np.float32)


def saved(name: str, array: np.ndarray, beside: Path) -> tuple[str, Path]:
    """One array, on its way into a bundle."""
    path = beside / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array, allow_pickle=False)
    return name, path


def described(shop: Workshop, graph: Graph, found: list[str]) -> dict[str, Any]:
    """A graph as the manifest tells it: what it is, what it takes, thresholds and anchors, the engine it becomes."""
    return {
        "stage": graph.rows[0].stage,
        "keys": [row.candidate.key for row in graph.rows],
        **engine(graph.file, shop.target),
        "pixels": pixels(graph.file),
        "found": found,
        "decode": blueprint.read(graph.rows[0].candidate.folder)["decode"],
    }


def engine(file: Path, target: Target) -> dict[str, str]:
    """A graph's own arithmetic, and that of the engine it usually becomes."""
    own = precision(file)
    return {"precision": own, "engine": "float16" if own == "float32" and "float16" in target.precisions else own}


def manifest(shop: Workshop, rows: Sequence[Row], final: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of the whole."""
    kept = [row for row in rows if row.verdict.keep]
    graphs = [row for row in kept if is_graph(row)]
    facts = blueprint.read(kept[-1].candidate.folder)["decode"]
    return {
        "model": shop.model.name,
        "task": shop.model.task,
        "target": shop.target.name,
        "key": final["key"],
        "file": f"{graphs[-1].stage}.onnx" if graphs else None,
        "labels": facts["classes"],
        "input": {f"{row.stage}.onnx": f"{LAYOUTS[pixels(row.candidate.file)]} RGB 0..255" for row in graphs},
        "outputs": list(shop.model.outputs),
        "runtimes": list(shop.target.runtimes),
        "precisions": list(shop.target.precisions),
        "confidence": final["metrics"]["val"]["confidence"],
        "decode": facts,
        "decoder": placed(shop.model.decoder),
    }
