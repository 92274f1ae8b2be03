"""What is evaluated: a stored candidate or weights from a file, and how its classes meet those of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mfast_edge import model as models
from mfast_edge.backbones.weights import shapes, tensors
from mfast_edge.data.classes import few, plain
from mfast_edge.data.sample import ANY
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.models.detections import Detections, Forward
from mfast_edge.opened import Opened, network
from mfast_edge.settings import assignments, check

if TYPE_CHECKING:
    from mfast_edge.model import Model


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that finds objects in photos, or says what they show."""

    name: str
    model: Model
    facts: dict[str, Any]
    runtime: str
    forward: Forward

    @property
    def classes(self) -> tuple[str, ...]:
        """What it can find."""
        return tuple(self.facts["classes"])


def stored(run: Opened, runtime: str | None) -> Subject:
    """A stored candidate in a runtime."""
    name = f"{run.candidate.model} {run.candidate.key}"
    return Subject(name, run.model, run.facts, runtime or run.runtime, run.forward(runtime))


def saturating(run: Opened) -> Subject:
    """A stored int8 file as a CPU without VNNI computes it. UserError where it is none."""
    from export.errors import ExportError
    from export.saturate import open_saturating

    try:
        forward = open_saturating(run.candidate.file) if run.candidate.form == "onnx" else None
    except ExportError as wrong:
        raise UserError(f"--saturate: {wrong}") from None
    if forward is None:
        raise UserError(f"--saturate: {run.candidate.file.name} is no int8 file; one that quantize made would be right")
    name = f"{run.candidate.model} {run.candidate.key}"
    return Subject(name, run.model, run.facts, "a CPU without VNNI", forward)


def weights(name: str, init: Path, given: tuple[str, ...], classes: tuple[str, ...]) -> Subject:
    """Weights of a whole network through torch; `classes` name what the file cannot. UserError: they do not fit."""
    model = models.find(name, MODELS)
    have = shapes(init)
    build = check(
        model.build,
        {**model.infer(have), "classes": named(init, model.labels(have), classes), **settings(given)},
        "model",
    )
    net = model.network(build)
    model.load(net, init, tensors(init))
    return Subject(f"{name} {init.name}", model, model.ready(model.facts(build)), "torch", network(net.eval()))


def settings(given: tuple[str, ...]) -> dict[str, Any]:
    """--set model.size=256 as build settings."""
    found = assignments(given)
    wrong = [dotted for dotted in found if not dotted.startswith("model.")]
    if wrong:
        raise UserError(f"--set: {wrong[0]} given; a build setting such as model.size=256 would be right")
    return {dotted.removeprefix("model."): value for dotted, value in found.items()}


def named(init: Path, labels: tuple[str, ...], classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of the weights' heads: by the file, else the data's where they are as many."""
    if not labels:
        raise UserError(f"--init: {init} holds no class heads; weights of a whole network would be right")
    if set(labels) != {"?"}:
        return labels
    if len(labels) != len(classes):
        raise UserError(
            f"--init: {init} finds {len(labels)} classes without naming them, the data have {len(classes)}; "
            "the folder of a run or candidate, which names them, would be right"
        )
    return classes


def matched(mine: tuple[str, ...], theirs: tuple[str, ...]) -> dict[int, int]:
    """{class of the model: class of the data} by name, whatever the case; UserError where they share none."""
    places = {plain(name): place for place, name in enumerate(theirs)}
    found = {number: places[plain(name)] for number, name in enumerate(mine) if plain(name) in places}
    if not found:
        raise UserError(
            f"evaluate: no class in common: {few(mine)} against {few(theirs)};"
            " other --data, or --classes, would be right"
        )
    return found


@dataclass(frozen=True, slots=True)
class Meeting:
    """How the classes of a model and of data meet: in the data's words, but for `absent`, which they lack."""

    common: list[str]
    unknown: list[str]
    absent: list[str]

    @classmethod
    def of(cls, mine: tuple[str, ...], theirs: tuple[str, ...], known: Mapping[int, int]) -> Meeting:
        """By what `matched` gave; published detectors have logits that stand for no class (N/A)."""
        common = [name for number, name in enumerate(theirs) if number in known.values()]
        unknown = [name for name in theirs if name not in common]
        absent = [name for number, name in enumerate(mine) if number not in known and name != "N/A"]
        return cls(common, unknown, absent)


def translated(found: Detections, known: Mapping[int, int], whole: bool = False) -> Detections:
    """Detections in the data's classes, without those that the data do not know.

    Of photos classified as a `whole` these stay, as ANY: a photo that is said to show one of them is wrong.
    """
    rows = np.array([whole or int(label) in known for label in found.classes], bool)
    classes = np.array([known.get(int(label), ANY) for label in found.classes[rows]], np.int64)
    return Detections(found.boxes[rows], found.scores[rows], classes)
