"""centernet: objects as points, for the rest of the product (model.Model); torch is loaded by what needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mfast_edge.backbones.origin import BACKBONES
from mfast_edge.models.centernet import build as builds
from mfast_edge.models.centernet import decode as numbers
from mfast_edge.models.centernet import weights
from mfast_edge.models.centernet.build import Build

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mfast_edge.model import Known
    from mfast_edge.models.centernet.distill import Lesson
    from mfast_edge.models.centernet.loss import Points


@dataclass(frozen=True, slots=True)
class Detector:
    """A CenterNet."""

    name: str
    build: type[Build]
    task: ClassVar[str] = "detect"
    outputs: ClassVar[tuple[str, ...]] = ("heatmap", "sizes", "offsets")
    decoder: ClassVar[str] = "mfast_edge/models/centernet/decode.py"
    anchors: ClassVar[bool] = False

    def facts(self, build: Build) -> dict[str, Any]:
        """What decode must know, as JSON."""
        return builds.facts(build)

    def ready(self, known: dict[str, Any]) -> dict[str, Any]:
        """The facts with the score threshold as a logit."""
        return numbers.ready(known)

    def decode(self, outputs: Any, known: dict[str, Any]) -> tuple[Any, Any]:
        """Raw outputs of one image → boxes (N, 4) x1 y1 x2 y2 in 0..1, scores (N, classes)."""
        return numbers.decode(outputs, known)

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Build settings that a file with tensors of these shapes was made with."""
        return weights.infer(shapes)

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """The classes that weights of these shapes find; `?` where a file cannot tell; () without class heads."""
        return weights.labels(shapes)

    def network(self, build: Build) -> nn.Module:
        """A fresh network in float32."""
        from mfast_edge.models.centernet.network import CenterNet

        return CenterNet(build)

    def loss(self, build: Build) -> Points:
        """Focal on the heatmap, L1 on sizes and offsets."""
        from mfast_edge.models.centernet.loss import Points

        return Points(build)

    def lesson(self, student: Known, teacher: Known, logits: float, features: float) -> Lesson:
        """What a CenterNet that teaches adds to the loss."""
        from mfast_edge.models.centernet.distill import Lesson

        return Lesson(student, teacher, logits, features)

    def load(self, network: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.own import load

        return load(network, file, tensors, weights.CLASSES, BACKBONES)

    def fewer(self, build: Build, objects: Any, share: float) -> Build:
        """The build as it is: there are no anchors to drop."""
        return build

    def fitted(self, build: Build, objects: Any, count: int) -> Build:
        """The build as it is: there are no anchors to fit, and refit refuses to be asked for any."""
        return build

    def sources(self, old: Build, new: Build) -> dict[str, list[int]]:
        """Nothing: heads have the same outputs at every size."""
        return {}

    def heads(self, network: nn.Module) -> list[nn.Module]:
        """The convolutions whose output channels are classes, sizes and offsets."""
        from mfast_edge.models.centernet.network import heads

        return heads(network)


MODEL = Detector("centernet", Build)
