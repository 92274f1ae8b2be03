"""Thinner and smaller float networks instead of compression, quantized as in (a); and what our runs ended in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfast_edge import blueprint
from mfast_edge.candidate import Candidate, Step, following
from mfast_edge.errors import UserError
from mfast_edge.opened import Opened, opened
from mfast_edge.stages.prune import Prune
from tests.shows.peers import ort
from tests.shows.peers.bench import OPSET, Bench, Made, bench, workshop


def naive(path: Path, benches: Mapping[int, Bench]) -> Made:
    """(e): the network that a run of `compress --until train` ended in, through onnxruntime's quantizer."""
    seed = opened(path).candidate.lineage[0].seed
    one = beside(path, seed, benches)
    other = bench(path, one.place, one.command)
    same(other.shop.data.digest, one, path)
    build: dict[str, Any] = blueprint.read(other.run.candidate.folder)["build"]

    def make(files: Path, _state: Path) -> str:
        source = files / "float.onnx"
        other.shop.export(other.run.candidate, source, OPSET)
        ort.quantize(source, files / "model.onnx", other.images(ort.IMAGES))
        source.unlink()
        other.shop.copy_blueprint(other.run.candidate, files)
        return "model.onnx"

    name = f"naive-{build.get('width', 1):g}-{build['size']}"
    return other.made(name, ort.RUNS, ort.asked(other.run.candidate.key), make)


def ours(path: Path, benches: Mapping[int, Bench]) -> Made:
    """(f): the graph that a run of the front door ended in, beside the float network of its seed."""
    run = opened(path)
    if run.candidate.form != "onnx" or "data" not in run.page:
        raise UserError(f"{path}: ended as {run.candidate.form}; a whole run, which ends in an ONNX, would be right")
    one = beside(path, run.candidate.lineage[0].seed, benches)
    same(workshop(run).data.digest, one, path)
    grown(run.candidate, one, path)
    return one.made(called(path), ort.RUNS, {"key": run.candidate.key}, lambda files, _state: copied(run, files))


def recovery(paths: Sequence[Path]) -> int:
    """Images that our runs saw after `train`, all recoveries of a run together; the longest run's."""
    steps = [opened(path).candidate.lineage for path in paths]
    return max((sum(images(step) for step in run) for run in steps), default=0) or Prune().images


def images(step: Step) -> int:
    """Images that a stage trained on; calibration photos and a first training do not count."""
    return int(step.settings["images"]) if "lr" in step.settings and step.stage != "train" else 0


def copied(run: Opened, files: Path) -> str:
    """A stored graph and its blueprint."""
    shutil.copyfile(run.candidate.file, files / "model.onnx")
    shutil.copyfile(run.candidate.folder / "blueprint.json", files / "blueprint.json")
    return "model.onnx"


def called(path: Path) -> str:
    """`ours-full` for runs/full-seed0; `ours` for runs/ours-seed0."""
    stem = re.sub(r"[-_]?seed\d+$", "", path.resolve().name)
    return stem if stem.startswith("ours") else "-".join(["ours", stem]).rstrip("-")


def beside(path: Path, seed: int, benches: Mapping[int, Bench]) -> Bench:
    """The bench of a seed; UserError where no float network has it."""
    if seed not in benches:
        known = ", ".join(str(one) for one in benches)
        raise UserError(f"{path}: seed {seed}; one of the float networks' ({known}) would be right")
    return benches[seed]


def same(digest: str, one: Bench, path: Path) -> None:
    """UserError where a run saw other photos."""
    if digest != one.shop.data.digest:
        raise UserError(f"{path}: was trained on other photos than the float networks; the same --data would be right")


def grown(ours: Candidate, one: Bench, path: Path) -> None:
    """UserError where a run did not begin with the very float network of its seed."""
    base = one.run.candidate
    key = base.key
    for step in ours.lineage[len(base.lineage) :]:
        key = following(key, step)
    if key != ours.key:
        raise UserError(
            f"{path}: does not come from the float network {base.key} of seed {one.seed}; a run of the same model, "
            "settings and plan as --float's would be right"
        )
