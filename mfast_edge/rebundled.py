"""A run's bundle again, with other thresholds: the same graphs, what they find now, nothing measured."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.board.manifest import read
from export.bundle import bundle, travels
from mfast_edge.cutoffs import Cutoffs, cut, retold
from mfast_edge.models.detections import detect
from mfast_edge.packed import RUNTIME, columns, saved
from mfast_edge.runners import open_file

if TYPE_CHECKING:
    from mfast_edge.model import Model


def rebundle(old: Path, to: Path, model: Model, cutoffs: Cutoffs, confidence: float) -> None:
    """The bundle `old` at `to`, decoding by `cutoffs`, drawing from `confidence`; what its check holds results
    against is found anew."""
    told = read(old)
    names = told.pop("files").keys() - travels().keys()
    seen = [np.load(old / name, allow_pickle=False) for name in told["check"]["photos"]]
    with tempfile.TemporaryDirectory() as beside:
        files = {name: old / name for name in names}
        for name, graph in told["graphs"].items():
            graph["decode"] = cut(graph["decode"], cutoffs)
            files[name] = copied(old / name, Path(beside) / name, graph["decode"])
            files |= found(files[name], graph, (model, seen), Path(beside))
        changed = {"decode": cut(told["decode"], cutoffs), "confidence": confidence}
        bundle(to, files, {**told, **changed})


def copied(source: Path, graph: Path, facts: Mapping[str, Any]) -> Path:
    """A graph whose metadata say the new thresholds."""
    graph.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, graph)
    retold(graph, facts)
    return graph


def found(file: Path, graph: Mapping[str, Any], looks: tuple[Model, list[np.ndarray]], beside: Path) -> dict[str, Path]:
    """(name in the bundle → file) of what a graph finds in each check photo."""
    model, seen = looks
    forward, facts = open_file(file, RUNTIME, 1), model.ready(dict(graph["decode"]))
    boxes = [columns(detect(photo, forward, model.decode, facts)) for photo in seen]
    return dict(saved(name, one, beside) for name, one in zip(graph["found"], boxes, strict=True))
