"""yolo9000 as the rest of the product sees it (model.Model); torch is loaded by what needs it, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mfast_edge.models.yolo9000 import build as settings
from mfast_edge.models.yolo9000 import decode as numbers
from mfast_edge.models.yolo9000 import weights
from mfast_edge.models.yolo9000.build import Build

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mfast_edge.model import Known
    from mfast_edge.models.priors import Truths
    from mfast_edge.models.yolo9000.distill import Lesson
    from mfast_edge.models.yolo9000.loss import Region


@dataclass(frozen=True, slots=True)
class Yolo9000:
    """One grid of stride 32, anchors fitted to the data, classes as siblings or down a tree."""

    name: ClassVar[str] = "yolo9000"
    build: ClassVar[type[Build]] = Build
    task: ClassVar[str] = "detect"
    outputs: ClassVar[tuple[str, ...]] = ("boxes", "objects", "logits")
    decoder: ClassVar[str] = "mfast_edge/models/yolo9000/decode.py"

    def facts(self, build: Build) -> dict[str, Any]:
        """What decode must know, as JSON."""
        return settings.facts(build)

    def ready(self, known: dict[str, Any]) -> dict[str, Any]:
        """The facts with anchors and the tree's groups worked out once."""
        return numbers.ready(known)

    def decode(self, outputs: Any, known: dict[str, Any]) -> tuple[Any, Any]:
        """Raw outputs of one image → boxes (N, 4) x1 y1 x2 y2 in 0..1, scores (N, classes)."""
        return numbers.decode(outputs, known)

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Build settings that a file with tensors of these shapes was made with."""
        return weights.infer(shapes)

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """A `?` for each class that weights of these shapes find; () without class heads."""
        return weights.labels(shapes)

    def network(self, build: Build) -> nn.Module:
        """A fresh network in float32."""
        from mfast_edge.models.yolo9000.assemble import network

        return network(build)

    def loss(self, build: Build) -> Region:
        """The loss over this build's anchors and tree."""
        from mfast_edge.models.yolo9000.loss import Region

        return Region(self.facts(build))

    def lesson(self, student: Known, teacher: Known, logits: float, features: float) -> Lesson:
        """What a YOLO9000 that teaches adds to the loss."""
        from mfast_edge.models.yolo9000.distill import Lesson

        return Lesson(student, teacher, logits, features)

    def load(self, network: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.own import load

        return load(network, file, tensors, weights.CLASSES, weights.BACKBONES)

    def fewer(self, build: Build, objects: Truths, share: float) -> Build:
        """The build without anchors that win no more than `share` of the objects."""
        from mfast_edge.models.yolo9000.refit import fewer, matches

        return fewer(build, matches(build, objects), share)

    def fitted(self, build: Build, objects: Truths, count: int) -> Build:
        """The build with at most `count` anchors, of the shapes that the objects have."""
        return settings.fitted(build, objects, count)

    def sources(self, old: Build, new: Build) -> dict[str, list[int]]:
        """{path of a head's convolution: for each of its outputs in `new` the output it was in `old`}."""
        from mfast_edge.models.yolo9000.refit import outputs

        return outputs(old, new)

    def heads(self, network: nn.Module) -> list[nn.Module]:
        """The convolutions whose output channels are anchors × (4, 1 or nodes)."""
        from mfast_edge.models.yolo9000.network import heads

        return heads(network)


MODEL = Yolo9000()
