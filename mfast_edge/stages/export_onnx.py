"""export_onnx: a network → one float ONNX graph, static, raw heads, ready for every dressing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mfast_edge.candidate import Candidate, Form
from mfast_edge.settings import Settings

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class ExportOnnx(Settings):
    """The opset is the target's, unless given."""

    version: ClassVar[str] = "2"
    reads: ClassVar[tuple[str, ...]] = ()
    opset: int | None = None

    def gives(self, form: Form) -> Form | None:
        """A graph, from a network."""
        return "onnx" if form == "torch" else None

    def fitted(self, target: Target) -> ExportOnnx:
        """The opset that the target reads."""
        return self if self.opset else self.model_copy(update={"opset": target.opset})

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """model.onnx, and the blueprint it was made from."""
        shop.export(parent, work.files / "model.onnx", self.opset or 13)
        shop.copy_blueprint(parent, work.files)


STAGE = ExportOnnx
