"""An SSD as the rest of the product sees it (model.Model); torch is loaded by what needs it, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mfast_edge.models.ssd import decode as numbers
from mfast_edge.models.ssd.build import Build

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mfast_edge.model import Known
    from mfast_edge.models.priors import Truths
    from mfast_edge.models.ssd.distill import Lesson
    from mfast_edge.models.ssd.loss import Multibox
    from mfast_edge.models.ssd.network import SSD


class Body(Protocol):
    """What SSDs differ in: backbone, extra maps, anchors, published weights."""

    def table(self, build: Any) -> list[list[list[float]]]: ...
    def facts(self, build: Any) -> dict[str, Any]: ...
    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]: ...
    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]: ...
    def network(self, build: Any) -> SSD: ...
    def load(self, network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str: ...


@dataclass(frozen=True, slots=True)
class Detector:
    """An SSD: its body, and what all SSDs share."""

    name: str
    build: type[Build]
    body: Body
    task: ClassVar[str] = "detect"
    outputs: ClassVar[tuple[str, ...]] = ("boxes", "logits")
    decoder: ClassVar[str] = "mfast_edge/models/ssd/decode.py"

    def facts(self, build: Build) -> dict[str, Any]:
        """What decode must know, as JSON."""
        return self.body.facts(build)

    def ready(self, known: dict[str, Any]) -> dict[str, Any]:
        """The facts with the anchors worked out once."""
        return numbers.ready(known)

    def decode(self, outputs: Any, known: dict[str, Any]) -> tuple[Any, Any]:
        """Raw outputs of one image → boxes (N, 4) x1 y1 x2 y2 in 0..1, scores (N, classes)."""
        return numbers.decode(outputs, known)

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Build settings that a file with tensors of these shapes was made with."""
        return self.body.infer(shapes)

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """The classes that weights of these shapes find; `?` where a file cannot tell; () without class heads."""
        return self.body.labels(shapes)

    def network(self, build: Build) -> nn.Module:
        """A fresh network in float32."""
        return self.body.network(build)

    def loss(self, build: Build) -> Multibox:
        """The multibox loss over this build's anchors."""
        from mfast_edge.models.ssd.loss import Multibox

        return Multibox(self.ready(self.facts(build)))

    def lesson(self, student: Known, teacher: Known, logits: float, features: float) -> Lesson:
        """What an SSD that teaches adds to the loss."""
        from mfast_edge.models.ssd.distill import Lesson

        return Lesson(student, teacher, logits, features)

    def load(self, network: nn.Module, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.ssd.network import SSD

        assert isinstance(network, SSD)
        return self.body.load(network, file, tensors)

    def fewer(self, build: Build, objects: Truths, share: float) -> Build:
        """The build without anchors that win no more than `share` of the matches."""
        from mfast_edge.models.ssd.refit import fewer, matches

        table = self.body.table(build)
        return fewer(build, table, matches(table, self.facts(build), objects), share)

    def fitted(self, build: Build, objects: Truths, count: int) -> Build:
        """The build with at most `count` anchors per place, of the shapes that the objects have."""
        from mfast_edge.models.ssd.refit import fitted

        return fitted(build, self.body.table(build), objects, count)

    def sources(self, old: Build, new: Build) -> dict[str, list[int]]:
        """{path of a head's convolution: for each of its outputs in `new` the output it was in `old`}."""
        from mfast_edge.models.ssd.refit import outputs

        return outputs(self.body.table(old), self.body.table(new), len(new.classes))

    def heads(self, network: nn.Module) -> list[nn.Module]:
        """The convolutions whose output channels are anchors × (4 or classes); and what is never pruned either."""
        from mfast_edge.models.ssd.network import heads
        from mfast_edge.networks.graph import fixed

        return [*heads(network), *fixed(network)]
