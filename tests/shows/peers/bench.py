"""Where rows are made: the float networks, one workshop for each seed, folders that are made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mfast_edge import target
from mfast_edge.candidate import Candidate, digest
from mfast_edge.data.index import again
from mfast_edge.data.photo import load
from mfast_edge.data.split import calibration
from mfast_edge.errors import UserError
from mfast_edge.models.resize import blob
from mfast_edge.opened import Opened, opened
from mfast_edge.store import Store, read_json, write_json
from mfast_edge.workshop import Workshop

OPSET = 13  # of the float graph that everybody is given
VALUE = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """One file of one seed: `name` begins with float, ort, nncf, pruned, naive or ours; `runs` are ways to run it."""

    name: str
    seed: int
    folder: Path
    runs: tuple[str, ...]
    how: VALUE

    @property
    def file(self) -> Path:
        """The graph: ONNX, or OpenVINO's .xml with its .bin beside it."""
        return self.folder / self.how["file"]

    @property
    def mb(self) -> float:
        """MB (10^6 bytes) of all that has to be delivered: an .xml with its weights."""
        return sum(path.stat().st_size for path in self.folder.glob("model.*")) / 1e6

    @property
    def candidate(self) -> Candidate:
        """The address under which quality keeps what it found."""
        return Candidate(digest([self.name, self.seed, self.how["asked"]]), "", "onnx", self.folder, ())


@dataclass(frozen=True, slots=True)
class Bench:
    """A float network of one seed with its workshop, and where rows lie."""

    run: Opened
    shop: Workshop
    place: Path
    command: str

    @property
    def seed(self) -> int:
        """The training's."""
        return self.shop.seed

    def made(self, name: str, runs: tuple[str, ...], asked: VALUE, make: Callable[[Path, Path], str]) -> Made:
        """The row `name` of this seed, from its folder or made now.

        `make(files, state)` writes model.onnx, or model.xml and model.bin, and blueprint.json into the empty
        folder `files` and returns the graph's name; `state` survives a kill. A row that was `asked` for otherwise
        (another network, other settings) is made anew. row.json is written last, then the folder is renamed.
        """
        folder = self.place / f"{name}-seed{self.seed}"
        told = read_json(folder / "row.json")
        if told is None or told["asked"] != asked:
            self.shop.tell(f"{folder.name}: made now")
            work = self.place / ".work" / f"{folder.name}-{digest(asked)[:8]}"
            shutil.rmtree(work / "files", ignore_errors=True)
            (work / "files").mkdir(parents=True)
            (work / "state").mkdir(exist_ok=True)
            told = {"asked": asked, "file": make(work / "files", work / "state"), "command": self.command}
            write_json(work / "files" / "row.json", told)
            shutil.rmtree(folder, ignore_errors=True)
            (work / "files").rename(folder)
            shutil.rmtree(work)
        return Made(name, self.seed, folder, runs, told)

    def images(self, count: int) -> Iterator[np.ndarray]:
        """`count` training photos (all, if fewer) as the graph takes them: float32 (1, 3, H, W)."""
        size = self.shop.size(self.shop.build)
        return (blob(load(record), size) for record in calibration(self.shop.data, count, self.seed))


def bench(path: Path, place: Path, command: str) -> Bench:
    """The bench of a finished run that ended in a torch network. UserError where it did not."""
    run = opened(path)
    if run.candidate.form != "torch" or "data" not in run.page:
        raise UserError(f"{path}: ended as {run.candidate.form}; a run of compress --until train would be right")
    return Bench(run, workshop(run), place, command)


def workshop(run: Opened) -> Workshop:
    """The surroundings that a run of the front door had."""
    from mfast_edge import blueprint

    build = run.model.build(**blueprint.read(run.candidate.folder)["build"])
    data = again(run.page["data"], cache=run.runs / "data")
    seed = run.candidate.lineage[0].seed
    return Workshop(run.model, build, data, target.find("x86"), Store(run.runs), seed, None, None, tell)


def tell(line: str) -> None:
    """A line, at once."""
    print(line, flush=True)


def floats(one: Bench) -> Made:
    """The float network as ONNX, the file that every other tool is given."""

    def make(files: Path, _state: Path) -> str:
        one.shop.export(one.run.candidate, files / "model.onnx", OPSET)
        one.shop.copy_blueprint(one.run.candidate, files)
        return "model.onnx"

    asked = {"key": one.run.candidate.key, "opset": OPSET, "torch": version("torch")}
    return one.made("float", ("onnxruntime", "openvino", "openvino-bf16"), asked, make)
