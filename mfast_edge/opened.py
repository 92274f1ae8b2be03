"""A stored candidate, opened by the folder of the run that ended in it or by its own; a graph needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge import blueprint
from mfast_edge import model as models
from mfast_edge.candidate import Candidate
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.store import Store, carded, read_json
from mfast_edge.tasks.task import of

if TYPE_CHECKING:
    from torch import nn

    from export.sessions import Session
    from mfast_edge.model import Model
    from mfast_edge.models.detections import Forward
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop

SURE = 0.3  # the score to draw from where no photo has shown a better one


@dataclass(frozen=True)
class Opened:
    """A candidate and what its run, if there is one, has found out about it: `final` and `page`, else empty."""

    candidate: Candidate
    final: Mapping[str, Any]
    page: Mapping[str, Any]
    runs: Path  # the folder of all runs, where the data's facts are kept too

    @cached_property
    def model(self) -> Model:
        """The model that it is a network of."""
        name = self.candidate.model
        if name.endswith(".onnx"):
            raise UserError(
                f"{self.candidate.folder}: made of {name}, a graph whose outputs nobody here can decode; "
                "python -m mfast_edge.bench FILE.onnx, which times it, would be right"
            )
        return models.find(name, MODELS)

    @cached_property
    def stored(self) -> dict[str, Any]:
        """What decode must know, as the blueprint has it."""
        found: dict[str, Any] = blueprint.read(self.candidate.folder)["decode"]
        return found

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The same, made ready."""
        return self.model.ready(self.stored)

    @property
    def runtime(self) -> str:
        """Where it was fastest in its run; else the first that takes its form."""
        if self.candidate.form == "torch":
            return "torch"
        known = (row["runtime"] for row in self.final.get("rows", ()) if row["key"] == self.candidate.key)
        return next(known, "onnxruntime")

    @property
    def confidence(self) -> float:
        """The score with the best F1 on val: its run's, else one stored beside it, else SURE; a classifier's is 0."""
        if of(self.model.task).WHOLE:
            return 0.0
        if self.final:
            return float(self.final["metrics"]["test"]["confidence"])
        stored = sorted((self.candidate.folder / "quality").glob(f"*-val-{self.runtime}-*.json"))
        return float(read_json(stored[0])["confidence"]) if stored else SURE

    @property
    def threads(self) -> int:
        """As many as its run was timed with."""
        return int(self.final["here"]["threads"]) if self.final else 1

    def forward(self, runtime: str | None = None, threads: int | None = None) -> Forward:
        """Image (1, 3, H, W) → raw outputs in a runtime; UserError where it cannot run there."""
        wanted = runtime or self.runtime
        if (wanted == "torch") != (self.candidate.form == "torch"):
            raise UserError(f"--runtime: {wanted} cannot run {self.candidate.file.name}; {self.runtime} would be right")
        if wanted == "torch":
            return network(blueprint.rebuild(self.candidate.folder, self.model), threads or self.threads)
        return graph(self.candidate.file, wanted, threads or self.threads)

    @property
    def macs(self) -> int:
        """Multiply-adds of one image."""
        if self.candidate.form == "onnx":
            from export.macs import macs

            return macs(self.candidate.file)
        import torch

        from mfast_edge.latency import layers

        image = torch.zeros(1, 3, self.facts["height"], self.facts["width"])
        return sum(layer.macs for layer in layers(blueprint.rebuild(self.candidate.folder, self.model), image))


def opened(path: Path) -> Opened:
    """The final candidate of a run, or the candidate of a folder in the store. UserError where it is neither."""
    path = path.expanduser().resolve()
    if final := read_json(path / "final.json"):
        found = Store(path.parent).find(final["key"]) or carded(Path(final["file"]).parent)
        if found is None:
            raise UserError(f"{path}: its final candidate {final['key']} is not in {path.parent}/store; run it again")
        return Opened(found, final, read_json(path / "page.json") or {}, path.parent)
    if found := carded(path):
        return Opened(found, {}, {}, path.parent.parent)
    raise UserError(f"{path}: {lacking(path)}; the folder of a finished run, or one of runs/store, would be right")


def surroundings(run: Opened, target: Target, spec: str | None = None) -> Workshop:
    """The workshop that a candidate came from, with its run's data or those of `spec`. UserError: neither is there."""
    from mfast_edge.data.index import again
    from mfast_edge.settings import check
    from mfast_edge.workshop import Workshop

    own = run.page.get("data", {})
    if not spec and not own:
        given = "--data voc:PATH, coco:PATH, yolo:PATH, folders:PATH or particles would be right"
        raise UserError(f"{run.candidate.folder}: no data given, and it does not know its own; {given}")
    seed = run.candidate.lineage[0].seed
    data = again({"task": run.model.task, **own}, cache=run.runs / "data", spec=spec, seed=seed)
    build = check(run.model.build, blueprint.read(run.candidate.folder)["build"], "model")
    store = Store(run.runs)
    return Workshop(run.model, build, data, target, store, seed, None, None, lambda line: print(line, file=sys.stderr))


def lacking(path: Path) -> str:
    """Why it is not a run."""
    if not path.is_dir():
        return "a file" if path.exists() else "no such folder"
    return "a run that has not ended" if (path / "plan.json").is_file() else "neither a run nor a stored candidate"


def graph(file: Path, runtime: str, threads: int) -> Session:
    """A graph in a runtime; UserError where the file or the runtime cannot be used."""
    from export.errors import ExportError
    from export.sessions import open_session

    try:
        return open_session(file, runtime, threads=threads)
    except ExportError as wrong:
        raise UserError(str(wrong)) from None


def network(module: nn.Module, threads: int | None = None) -> Forward:
    """A torch network, on CUDA when present, else on so many threads (torch's own choice if None)."""
    import torch

    from mfast_edge.runners import through

    if threads:
        torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return through(module.to(device), device)
