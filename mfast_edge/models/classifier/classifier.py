"""classifier: a network in YAML as the rest of the product sees it (model.Model); torch is loaded by what needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, create_model

from mfast_edge.models.classifier import build as builds
from mfast_edge.models.classifier import decode as numbers
from mfast_edge.models.classifier import labels as told
from mfast_edge.models.classifier.build import Build
from mfast_edge.networks.origins import infer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mfast_edge.model import Known
    from mfast_edge.models.classifier.distill import Lesson
    from mfast_edge.models.classifier.loss import Entropy


@dataclass(frozen=True, slots=True)
class Classifier:
    """A classifier of whole photos; `file` is the name or path of the network that it is unless another is given."""

    file: str = ""
    name: ClassVar[str] = "classifier"
    task: ClassVar[str] = "classify"
    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    decoder: ClassVar[str] = "mfast_edge/models/classifier/decode.py"
    anchors: ClassVar[bool] = False

    @property
    def build(self) -> type[Build]:
        """Build settings, with the file as their network."""
        return filed(self.file) if self.file else Build

    @property
    def title(self) -> str:
        """What a run is called by: the file's name."""
        return Path(self.file).stem if self.file else self.name

    def of(self, file: str) -> Classifier:
        """The classifier that is the network of a YAML file, or of a name in configs/networks."""
        return replace(self, file=file)

    def facts(self, build: Build) -> dict[str, Any]:
        """What decode must know, as JSON."""
        return builds.facts(build)

    def ready(self, known: dict[str, Any]) -> dict[str, Any]:
        """The facts: nothing is to be worked out."""
        return numbers.ready(known)

    def decode(self, outputs: Any, known: dict[str, Any]) -> tuple[Any, Any]:
        """Raw outputs of one image → the whole photo as one box (1, 4), scores (1, classes)."""
        return numbers.decode(outputs, known)

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Width and padding of published weights."""
        return infer(shapes)

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """A `?` for each class of one's own weights; () for other files."""
        return told.labels(shapes)

    def network(self, build: Build) -> nn.Module:
        """A fresh network in float32."""
        from mfast_edge.models.classifier.network import Classifier

        return Classifier(builds.entries(build))

    def loss(self, build: Build) -> Entropy:
        """Cross entropy of the photo's class, or what the build calls for instead."""
        from mfast_edge.models.classifier.loss import Entropy

        return Entropy(build)

    def lesson(self, student: Known, teacher: Known, logits: float, features: float) -> Lesson:
        """What a classifier that teaches adds to the loss."""
        from mfast_edge.models.classifier.distill import Lesson

        return Lesson(student, teacher, logits, features)

    def load(self, network: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.classifier.network import Classifier
        from mfast_edge.models.classifier.weights import load

        assert isinstance(network, Classifier)
        return load(network, file, tensors)

    def fewer(self, build: Build, objects: Any, share: float) -> Build:
        """The build as it is: there are no anchors to drop."""
        return build

    def fitted(self, build: Build, objects: Any, count: int) -> Build:
        """The build as it is: there are no anchors to fit, and refit refuses to be asked for any."""
        return build

    def sources(self, old: Build, new: Build) -> dict[str, list[int]]:
        """Nothing: the logits are the same at every size."""
        return {}

    def heads(self, network: nn.Module) -> list[nn.Module]:
        """The layer whose outputs are the logits."""
        from mfast_edge.models.classifier.network import heads

        return heads(network)


@cache
def filed(file: str) -> type[Build]:
    """Build settings whose network is a file's unless another is given."""
    return create_model("Build", __base__=Build, network=(dict[str, Any], Field(file, validate_default=True)))


MODEL = Classifier()
