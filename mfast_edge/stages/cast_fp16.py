"""cast_fp16: a float graph → the same graph in float16, its types written down, ends in float32: for TensorRT 11."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


ROUNDED = "rounded.onnx"  # beside a float16 graph: what it gives where float16 is real, for machines where it is not


class CastFp16(Settings):
    """Nodes whose numbers float16 cannot hold on `images` photos of train stay in float32."""

    version: ClassVar[str] = "1"
    reads: ClassVar[tuple[str, ...]] = ("data",)
    images: Annotated[int, Field(ge=1)] = 32

    def gives(self, form: Form) -> Form | None:
        """A graph, from a graph."""
        return "onnx" if form == "onnx" else None

    def fitted(self, target: Target) -> CastFp16:
        """As it is. UserError where the target has no float16."""
        if "float16" not in target.precisions:
            raise UserError(f"cast_fp16: {target.name} computes in {', '.join(target.precisions)}; leave the stage out")
        return self

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """model.onnx in float16, rounded.onnx to judge it by, the blueprint, and which nodes stayed in float32."""
        from export.half import halve
        from export.ranges import measure
        from export.rounded import rounded

        file, photos = work.files / "model.onnx", shop.photos(parent.file, self.images)
        ranges = measure(parent.file, photos, "minmax", percentile=100, symmetric=False)
        kept = halve(parent.file, file, ranges)
        rounded(file, file.with_name(ROUNDED))
        shop.copy_blueprint(parent, work.files)
        (work.files / "float32.json").write_text(json.dumps(kept, indent=1) + "\n")


STAGE = CastFp16
