"""What the rest of the product asks of a model; models.MODELS names the modules that hold one as MODEL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mfast_edge.errors import UserError
from mfast_edge.settings import Settings, names

if TYPE_CHECKING:
    from torch import Tensor, nn


CLASSIFIER = "classifier"  # the model that a network in YAML is, where no other one is named


@dataclass(frozen=True, slots=True)
class Known:
    """A network, and what decode must know of it, made ready."""

    network: nn.Module
    facts: dict[str, Any]


class Model(Protocol):
    """A model by name. Holding one loads no torch; `network`, `loss`, `lesson`, `load` and `heads` do."""

    @property
    def name(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def build(self) -> type[Settings]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def decoder(self) -> str: ...

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Build settings that a file with tensors of these shapes was made with."""

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """The classes that weights of these shapes find; `?` where a file cannot tell; () without class heads."""

    def facts(self, build: Any) -> dict[str, Any]:
        """What decode must know, as JSON: the blueprint's `decode`."""

    def ready(self, known: dict[str, Any]) -> dict[str, Any]:
        """The facts with what decode would else compute again for each photo."""

    def decode(self, outputs: Any, known: dict[str, Any]) -> tuple[Any, Any]:
        """Raw outputs of one image → boxes (N, 4) x1 y1 x2 y2 in 0..1, scores (N, classes)."""

    def network(self, build: Any) -> nn.Module:
        """A fresh float32 network: images (B, 3, size, size) RGB 0..255 → raw outputs."""

    def loss(self, build: Any) -> Any:
        """A callable (outputs, truths) → {name: scalar}, to be summed."""

    def lesson(self, student: Known, teacher: Known, logits: float, features: float) -> nn.Module:
        """A module (student's network, images) → (its outputs, {name: scalar} to be added to the loss).

        The scalars are how far the student's detections and feature maps are from those of a teacher with the
        same decoder, times the two weights. Its parameters are trained along and are no part of the network.
        Several processes train with it where it has an attribute `whole`: (own images, …) → (all images, …), to
        be called on all that its scalars are counted over; else the first trains alone.
        """

    def load(self, network: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put published or own weights in; one line on what was taken. UserError where they do not fit."""

    def fewer(self, build: Any, objects: Any, share: float) -> Any:
        """The build without anchors that win no more than `share` of the matches with `objects`: (boxes (M, 4)
        x1 y1 x2 y2 in parts of the image, ignore (M,)) of each photo."""

    def fitted(self, build: Any, objects: Any, count: int) -> Any:
        """The build with at most `count` anchors in all, of the shapes that the objects have."""

    def sources(self, old: Any, new: Any) -> dict[str, list[int]]:
        """{path of a head's leaf: for each output in a network of build `new` the output it was in `old`'s}."""

    def heads(self, network: nn.Module) -> list[nn.Module]:
        """Leaves whose output channels mean something and are never pruned."""


def settled(build: Settings, objects: Any, labels: Iterable[Sequence[int]] = ()) -> Settings:
    """The build with what only the data can tell filled in, where it has methods for that: `settled` is given the
    training photos' `objects`, as `Model.fewer` takes them, `labelled` their image-level class numbers, `labels`.
    UserError: the data do not suit."""
    found: Settings = build
    for name, told in (("settled", objects), ("labelled", labels)):
        fill = getattr(found, name, None)
        found = fill(told) if fill else found
    return found


def sides(build: Settings) -> tuple[int, ...]:
    """The input sides that a training draws from, where a build has such a property: multi-scale training."""
    found: tuple[int, ...] = getattr(build, "sides", ())
    return found


def find(name: str, known: Mapping[str, str], where: str = "--model") -> Model:
    """The model called `name`, else the classifier that is a network of configs/networks or of a YAML file; UserError
    names the known ones."""
    if name in known:
        model: Model = import_module(known[name]).MODEL
        return model
    files = names("networks") if CLASSIFIER in known else []
    if name in files or (files and name.endswith((".yaml", ".yml"))):
        classifier: Model = import_module(known[CLASSIFIER]).MODEL.of(name)
        return classifier
    also = f"; networks: {', '.join(files)}; or a path to a .yaml file" if files else ""
    raise UserError(f"{where}: {name!r} is not a model; known: {', '.join(sorted(known))}{also}")


def title(model: Model) -> str:
    """What a run of this model is called by: its name, or that of the file that it is."""
    return str(getattr(model, "title", model.name))


def typed(model: Model) -> str:
    """What --model calls it: its name, or the file or network of configs/networks that it is."""
    return str(getattr(model, "file", "") or model.name)


def anchored(model: Model) -> bool:
    """Whether a model has anchors for `fewer` and `fitted` to change; one without says `anchors = False`."""
    return bool(getattr(model, "anchors", True))
