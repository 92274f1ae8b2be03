"""The surroundings of a run: model, data, target, store; rebuilds networks, opens files, keeps the seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import machine, timing
from mfast_edge import blueprint, precision, teacher
from mfast_edge.candidate import Candidate, digest, file_digest, start
from mfast_edge.crew import Crew
from mfast_edge.data.photo import load as load_photo
from mfast_edge.data.sample import Dataset, Record, objects
from mfast_edge.data.split import calibration
from mfast_edge.errors import UserError
from mfast_edge.model import Known, Model, sides
from mfast_edge.models.resize import blob
from mfast_edge.recipe import Policy
from mfast_edge.settings import Settings, canonical
from mfast_edge.store import Store
from mfast_edge.target import Int8, Precision, Target
from mfast_edge.tasks.task import Task, of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from export.int8 import Dressing
    from mfast_edge.gauge import Shelf
    from mfast_edge.latency import Layer, Table
    from mfast_edge.recipe import Recipe
    from mfast_edge.stages.quantize import Quantize

TABLES: tuple[Precision, ...] = ("float32", "int8")  # what latency tables there are


@dataclass(frozen=True, slots=True)
class Built:
    """A network, and the settings that it was built with before any compression."""

    network: nn.Module
    build: Settings


@dataclass(frozen=True)
class Workshop:
    """Everything a stage may use beside its parent. `build` lacks nothing but is checked before any work."""

    model: Model
    build: Settings
    data: Dataset
    target: Target
    store: Store
    seed: int
    asked_device: str | None
    init: Path | None
    tell: Callable[[str], None]
    known: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)  # facts by key, see `facts`
    crew: Crew = field(default_factory=Crew)  # the processes that train
    watch: Callable[[nn.Module, int, int], None] | None = None  # after each epoch of a training, see training/fit.py

    @property
    def root(self) -> Candidate:
        """The empty candidate that training starts from."""
        return start(self.model.name, self.build.model_dump(mode="json"))

    def digests(self, names: Sequence[str], teacher: str | None = None) -> dict[str, str]:
        """Digests of what a stage reads beside its parent; a teacher's key is one already. Nothing is measured."""
        found = {}
        if "data" in names:
            found["data"] = self.data.digest
        if "init" in names and self.init:
            found["init"] = file_digest(self.init)
        if "teacher" in names and teacher:
            found["teacher"] = teacher
        if "engine" in names:
            from export.board import engine, stamp

            found["engine"] = digest(stamp.surroundings(engine.tensorrt()))
        for kind in (one for one in TABLES if f"table {one}" in names):
            found |= {f"table {runtime}": self.held(runtime, kind).digest for runtime in self.target.measured}
        return found

    @property
    def task(self) -> Task:
        """What the model is for: how what it finds is compared, matched, drawn."""
        return of(self.model.task)

    @cached_property
    def here(self) -> dict[str, Any]:
        """This machine, described."""
        return machine.describe(self.target.threads)

    @cached_property
    def machine(self) -> str:
        """This machine's name."""
        return machine.name(self.here)

    @cached_property
    def device(self) -> str:
        """Where networks live: as asked, else CUDA when present. UserError where CUDA was asked for in vain."""
        import torch

        there = torch.cuda.is_available()
        if self.asked_device == "cuda" and not there:
            raise UserError("--device: cuda was asked for and none is here; cpu would be right")
        return self.asked_device or ("cuda" if there else "cpu")

    def time(self, calls: Mapping[str, Callable[[], object]]) -> dict[str, timing.Series]:
        """The callables in alternating rounds, by the target's protocol."""
        asked = self.target.timing
        return timing.measure(dict(calls), rounds=asked.rounds, warmup=asked.warmup, seconds=asked.seconds)

    def table(self, runtime: str, precision: Precision, layers: Iterable[Layer], *, thin: bool = False) -> Table:
        """The latency table that predicts `layers` on this machine, or with `thin` any thinner ones too.

        What it lacks is measured now, so never inside a stage. UserError where the target has no such precision.
        """
        from mfast_edge.gauge import table

        return table(self._shelf(runtime, precision), layers, thin=thin, tell=self.tell)

    def held(self, runtime: str, precision: Precision) -> Table:
        """The same table as far as it was measured before."""
        from mfast_edge.gauge import held

        return held(self._shelf(runtime, precision))

    def _shelf(self, runtime: str, precision: Precision) -> Shelf:
        from mfast_edge.gauge import shelf

        return shelf(self.store.root / "machines" / self.machine, self.target, runtime, precision)

    def fresh(self) -> Built:
        """A network as built, seeded, with `init` put in and its norms measured on training photos."""
        import torch

        from mfast_edge.backbones.norms import measure
        from mfast_edge.backbones.weights import tensors

        torch.manual_seed(self.seed)
        network = self.model.network(self.build)
        if self.init:
            self.tell(self.model.load(network, self.init, tensors(self.init)))
            measure(network, (images for images, _ in self.batches(self.build, 16, 8)))
        return Built(network.to(self.device), self.build)

    def network(self, candidate: Candidate) -> nn.Module:
        """The candidate's network, rebuilt from its blueprint, in eval mode."""
        return blueprint.rebuild(candidate.folder, self.model).to(self.device)

    def rebuilt(self, candidate: Candidate) -> Built:
        """The same with the settings that it was built with: a stage before may have changed the run's."""
        build = self.model.build(**blueprint.read(candidate.folder)["build"])
        return Built(self.network(candidate), build)

    def write(self, made: Built, folder: Path) -> None:
        """blueprint.json and weights.safetensors of a torch network."""
        from safetensors.torch import save_file

        plan = {"model": self.model.name, "build": made.build.model_dump(mode="json")}
        layers, decode = blueprint.layers(made.network), self.model.facts(made.build)
        blueprint.write(folder, {**plan, "layers": layers, "decode": decode})
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in made.network.state_dict().items()}
        save_file(weights, folder / "weights.safetensors")

    def copy_blueprint(self, parent: Candidate, folder: Path) -> None:
        """The same blueprint, and precision, for another form of the same network."""
        blueprint.write(folder, blueprint.read(parent.folder))
        precision.carry(parent.folder, folder)

    def train(self, made: Built, recipe: Recipe, state: Path, parent: Candidate) -> None:
        """Train in place on the train split, going on from `state`; `parent` is what the stage was given."""
        import torch

        from mfast_edge.job import told
        from mfast_edge.training.fit import Course, Progress, fit

        def tell(progress: Progress) -> None:
            self.tell(progress.line())

        torch.manual_seed(self.seed)
        loss, lesson = self.model.loss(made.build), self.lesson(made, recipe, parent)
        with self.crew.able(lesson, self.tell).training(lambda: told(self, made, recipe, parent)) as team:
            data = self._loader(made.build, recipe.batch, recipe.varied(self.model.task), (team.rank, team.size))
            fit(made.network, Course(loss, data, recipe, state, tell, lesson, team, self.watch))

    def lesson(self, made: Built, recipe: Recipe, parent: Candidate) -> nn.Module | None:
        """What the recipe's teacher adds to the loss; None without one."""
        key = teacher.key(recipe.teacher, parent, self.root)
        if key is None:
            return None
        pupil = Known(made.network, self.model.ready(self.model.facts(made.build)))
        master = teacher.known(teacher.find(key, self), self.device)
        return self.model.lesson(pupil, master, recipe.logits, recipe.features).to(self.device)

    def batches(self, build: Settings, size: int, count: int) -> Iterator[tuple[torch.Tensor, Any]]:
        """`count` training batches as they are, not augmented: for statistics, never for gradients of a training."""
        for number, batch in zip(range(count), self._loader(build, size, None).batches(0), strict=False):
            assert number < count
            yield batch.images, batch.truths

    def objects(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """What is on each training photo: boxes (M, 4) x1 y1 x2 y2 in parts of it, ignore (M,)."""
        return objects(self.data.splits["train"])

    def example(self, build: Settings) -> torch.Tensor:
        """One black image, for tracing."""
        import torch

        return torch.zeros(1, 3, *self.size(build), device=self.device)

    def size(self, build: Settings) -> tuple[int, int]:
        """(height, width) of the input, in pixels."""
        known = self.model.facts(build)
        return known["height"], known["width"]

    def _loader(self, build: Settings, batch: int, policy: Policy | None, share: tuple[int, int] = (0, 1)) -> Any:
        """Training photos, varied by a policy where there is one; of each batch one process's share."""
        from mfast_edge.data.loader import Loader

        records, size, augment = self.data.splits["train"], self.size(build)[0], policy is not None
        return Loader(records, size, batch, self.seed, augment, policy or Policy(), sides=sides(build), share=share)

    def facts(self, candidate: Candidate) -> dict[str, Any]:
        """What decode must know of the candidate, made ready."""
        if candidate.key not in self.known:
            self.known[candidate.key] = self.model.ready(blueprint.read(candidate.folder)["decode"])
        return self.known[candidate.key]

    def export(self, candidate: Candidate, path: Path, opset: int) -> None:
        """The float graph of a torch candidate, written at `path`."""
        from export.to_onnx import to_onnx

        facts = self.facts(candidate)
        metadata = {"labels": canonical(facts["classes"]), "size": str(facts["height"]), "input": "RGB 0..255"}
        metadata |= {name: canonical(facts[name]) for name in ("score_threshold", "iou_threshold")}
        network, shape = self.network(candidate).cpu(), (1, 3, facts["height"], facts["width"])
        to_onnx(network, shape, path, names=self.model.outputs, opset=opset, metadata=metadata)

    def quantize(self, source: Path, path: Path, settings: Quantize, known: precision.Precision | None) -> None:
        """The int8 graph of a float one: with the ranges it was trained with, else calibrated on training photos."""
        from export.int8 import dress, keeping, quantize

        if settings.dressing is None:
            raise UserError(f"quantize: target {self.target.name} has no int8; leave the stage out of the plan")
        asked = dressing(settings, settings.dressing)
        wanted = keeping(asked, source, kept(source, settings.keep_float))
        if wanted.pixels != asked.pixels:
            self.tell("quantize: the first layer stays in float, so pixels come as float32")
        if known:
            known.suits(settings.dressing.model_dump(mode="json"), "quantize.dressing")
            dress(source, path, dict(known.ranges), wanted)
        else:
            quantize(source, path, self.photos(source, settings.images), dressing=wanted)

    def photos(self, graph: Path, count: int) -> Iterator[np.ndarray]:
        """The photos that calibrate a float graph, as it takes them: ours float32 (1, 3, H, W) RGB 0..255."""
        return self.taken(graph, self._calibration(count))

    def taken(self, graph: Path, records: Iterable[Record]) -> Iterator[np.ndarray]:
        """Photos as a graph that was never quantized takes them."""
        from export.intake import intake

        take = intake(graph)
        return (take(blob(load_photo(record), (take.height, take.width))) for record in records)

    def calibration_list(self, count: int) -> str:
        """The photos that calibrate, as JSON."""
        return json.dumps([[record.name, record.sha256] for record in self._calibration(count)], indent=1) + "\n"

    def _calibration(self, count: int) -> tuple[Record, ...]:
        return calibration(self.data, count, self.seed)


def dressing(settings: Quantize, int8: Int8) -> Dressing:
    """The target's wishes and the stage's as export takes them."""
    from export.int8 import Dressing

    asked = settings.model_dump(include={"method", "percentile", "equalise", "correct_bias"})
    return Dressing(**int8.model_dump(), **asked, pixels=settings.pixels or "float32")


def kept(source: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The nodes of the blocks that stay in float. UserError where there is no such block."""
    from export.blocks import nodes
    from export.errors import ExportError

    try:
        return nodes(source, names)
    except ExportError as wrong:
        raise UserError(f"quantize.keep_float: {wrong}") from None
