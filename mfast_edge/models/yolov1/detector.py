"""yolov1: YOLOv1 as the rest of the product sees it (model.Model); torch is loaded by what needs it, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mfast_edge.models.yolov1 import decode as numbers
from mfast_edge.models.yolov1 import labels as told
from mfast_edge.models.yolov1.build import Build, facts

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mfast_edge.model import Known
    from mfast_edge.models.yolov1.distill import Lesson
    from mfast_edge.models.yolov1.loss import Squares


@dataclass(frozen=True, slots=True)
class Detector:
    """YOLOv1 (Redmon 2016)."""

    name: ClassVar[str] = "yolov1"
    build: ClassVar[type[Build]] = Build
    task: ClassVar[str] = "detect"
    outputs: ClassVar[tuple[str, ...]] = ("boxes", "classes")
    decoder: ClassVar[str] = "mfast_edge/models/yolov1/decode.py"
    anchors: ClassVar[bool] = False

    def facts(self, build: Build) -> dict[str, Any]:
        """What decode must know, as JSON."""
        return facts(build)

    def ready(self, known: dict[str, Any]) -> dict[str, Any]:
        """The facts with the predictors' cells worked out once."""
        return numbers.ready(known)

    def decode(self, outputs: Any, known: dict[str, Any]) -> tuple[Any, Any]:
        """Raw outputs of one image → boxes (N, 4) x1 y1 x2 y2 in 0..1, scores (N, classes)."""
        return numbers.decode(outputs, known)

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Build settings that a file with tensors of these shapes was made with."""
        return told.infer(shapes)

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """A `?` for each class that weights of these shapes find; () for a backbone alone."""
        return told.labels(shapes)

    def network(self, build: Build) -> nn.Module:
        """A fresh network in float32."""
        from mfast_edge.models.yolov1.assemble import assemble

        return assemble(build)

    def loss(self, build: Build) -> Squares:
        """The sum of squared errors on this build's grid."""
        from mfast_edge.models.yolov1.loss import Squares

        return Squares(self.facts(build))

    def lesson(self, student: Known, teacher: Known, logits: float, features: float) -> Lesson:
        """What a YOLOv1 that teaches adds to the loss."""
        from mfast_edge.models.yolov1.distill import Lesson

        return Lesson(student, teacher, logits, features)

    def load(self, network: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.yolov1.network import YOLO
        from mfast_edge.models.yolov1.weights import load

        assert isinstance(network, YOLO)
        return load(network, file, tensors)

    def fewer(self, build: Build, objects: Any, share: float) -> Build:
        """The build as it is: there are no anchors that the data could leave unused."""
        return build

    def fitted(self, build: Build, objects: Any, count: int) -> Build:
        """The build as it is: boxes learn their shapes, and refit refuses to be asked for any."""
        return build

    def sources(self, old: Build, new: Build) -> dict[str, list[int]]:
        """Every output stays: the grid does not depend on the input's size."""
        return {}

    def heads(self, network: nn.Module) -> list[nn.Module]:
        """The linear layers whose outputs are boxes and classes of cells."""
        from mfast_edge.models.yolov1.network import heads

        return heads(network)


MODEL = Detector()
