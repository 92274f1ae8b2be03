"""quantize: a float graph → the same graph in static int8 Q/DQ, calibrated on photos from train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.settings import Settings
from mfast_edge.target import Int8

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class Quantize(Settings):
    """Static per-channel int8; the dressing is the target's, unless given."""

    version: ClassVar[str] = "1"
    reads: ClassVar[tuple[str, ...]] = ("data",)
    images: Annotated[int, Field(ge=1)] = 100
    method: Literal["minmax", "percentile", "entropy"] = "minmax"
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.99
    dressing: Int8 | None = None

    def gives(self, form: Form) -> Form | None:
        """A graph, from a graph."""
        return "onnx" if form == "onnx" else None

    def fitted(self, target: Target) -> Quantize:
        """Activations and weights dressed as the target asks."""
        return self if self.dressing else self.model_copy(update={"dressing": target.int8})

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """model.onnx in Q/DQ, the blueprint, the list of calibration photos."""
        shop.quantize(parent.file, work.files / "model.onnx", self)
        shop.copy_blueprint(parent, work.files)
        (work.files / "calibration.json").write_text(shop.calibration_list(self.images))


STAGE = Quantize
