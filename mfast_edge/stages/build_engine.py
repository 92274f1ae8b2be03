"""build_engine: a graph → a TensorRT engine for this very machine, by the file that builds on boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class BuildEngine(Settings):
    """`precision` of the engine: the graph's own if not given, but float16 of a float graph where `half` says so,
    which is the target's way if not given. `workspace`: MiB of scratch memory.

    An engine is for one GPU and one TensorRT: both are in its key.
    """

    version: ClassVar[str] = "1"
    reads: ClassVar[tuple[str, ...]] = ("engine",)
    precision: Literal["float32", "float16", "int8"] | None = None
    half: bool | None = None
    workspace: Annotated[int, Field(ge=1)] = 512

    def gives(self, form: Form) -> Form | None:
        """An engine, from a graph."""
        return "engine" if form == "onnx" else None

    def fitted(self, target: Target) -> BuildEngine:
        """`half` as the target has it. UserError where the target has no TensorRT."""
        if "tensorrt" not in target.runtimes:
            raise UserError(
                f"build_engine: {target.title} runs {', '.join(target.runtimes)}; leave the stage out of the plan"
            )
        half = "float16" in target.precisions
        return self if self.half is not None else self.model_copy(update={"half": half})

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """model.engine, the stamp that says what it was built for, and the graph's blueprint."""
        from export.board.building import Wish, build
        from export.shape import precision

        own = precision(parent.file)
        asked = self.precision or ("float16" if own == "float32" and self.half else own)
        tactics = shop.store.root / "machines" / shop.machine / "tactics.cache"
        tactics.parent.mkdir(parents=True, exist_ok=True)
        build(parent.file, work.files / "model.engine", Wish(own, asked, self.workspace, tactics))
        shop.copy_blueprint(parent, work.files)


STAGE = BuildEngine
