"""qat: a network → the same layers, trained while they round as their int8 graph will, and precision.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mfast_edge import precision
from mfast_edge.candidate import Candidate, Form
from mfast_edge.recipe import Recipe
from mfast_edge.settings import rare
from mfast_edge.target import Int8

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class Qat(Recipe):
    """Ranges start from min-max over `calibration` photos; batch norms and ranges stand still for the last part.

    `frozen` is the share of the steps at the end of which they do; before, a range moves by `momentum` towards
    that of each batch.
    """

    version: ClassVar[str] = "3"
    reads: ClassVar[tuple[str, ...]] = ("data", "teacher")
    images: Annotated[int, Field(ge=1)] = 1500
    lr: Annotated[float, Field(gt=0)] = 5e-5
    features: Annotated[float, Field(ge=0, le=0)] = rare(0.0)  # maps that round have no float twin to follow
    precision: Literal["float32", "bfloat16"] | None = "float32"  # bfloat16 rounds about as much as int8 does
    calibration: Annotated[int, Field(ge=1)] = 100
    frozen: Annotated[float, Field(ge=0, le=1)] = 0.33
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.01
    dressing: Int8 | None = None
    opset: int | None = None

    def gives(self, form: Form) -> Form | None:
        """A network, from a network."""
        return "torch" if form == "torch" else None

    def fitted(self, target: Target) -> Qat:
        """Rounding as the target's int8 does."""
        decided = {"dressing": self.dressing or target.int8, "opset": self.opset or target.opset}
        return self.settled().model_copy(update=decided)

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Calibrate, train, write. UserError where that was done to the network already."""
        from mfast_edge.stages.rounding import known, prepare
        from mfast_edge.workshop import Built

        precision.refuse(parent.folder, "qat")
        made = shop.rebuilt(parent)
        ready = prepare(made, parent, self, shop)
        shop.train(Built(ready.network, made.build), self, work.state, parent)
        shop.write(made, work.files)
        precision.write(work.files, known(ready, self))


STAGE = Qat
