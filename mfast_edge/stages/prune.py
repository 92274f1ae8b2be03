"""prune: a network → a thinner one, whole channels taken out in groups, then trained to recover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from mfast_edge import precision
from mfast_edge.candidate import Candidate, Form
from mfast_edge.errors import UserError
from mfast_edge.recipe import Recipe
from mfast_edge.settings import rare

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Precision, Target
    from mfast_edge.workshop import Workshop


class Prune(Recipe):
    """Until `keep` of the multiply-adds are left, or by the latency table `keep_ms` of the milliseconds or
    `target_ms`; heads stay whole.

    Milliseconds are the forward's, on this machine at the target's threads in its fastest runtime: of a target that
    is elsewhere only a share can be asked, by proxy. The table is filled before the stage: in here nothing is timed.

    Channels are ranked on `batches` training batches, widths of a group tried on `looks` of them.
    """

    version: ClassVar[str] = "6"
    keep: Annotated[float, Field(gt=0, lt=1)] | None = None  # 0.7, unless one of the three is given
    keep_ms: Annotated[float, Field(gt=0, lt=1)] | None = rare(None)
    target_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = rare(None)
    int8: bool | None = rare(None)  # whether the milliseconds are of int8; as the plan ends, unless given
    batches: Annotated[int, Field(ge=1)] = 16
    looks: Annotated[int, Field(ge=1)] = 2
    most: Annotated[float, Field(gt=0, lt=1)] = 0.8  # of one group's channels
    round_to: Annotated[int, Field(ge=1)] | None = None  # the target's, unless given
    images: Annotated[int, Field(ge=0)] = 4000
    lr: Annotated[float, Field(gt=0)] = 1.5e-4

    @property
    def reads(self) -> tuple[str, ...]:
        """The latency table decides nothing where a share is asked for."""
        return ("data", "teacher", f"table {self.table}") if self.by_table else ("data", "teacher")

    @property
    def by_table(self) -> bool:
        """Whether milliseconds decide, not multiply-adds."""
        return self.keep_ms is not None or self.target_ms is not None

    @property
    def table(self) -> Precision:
        """The latency table that milliseconds are of."""
        return "int8" if self.int8 else "float32"

    @model_validator(mode="after")
    def one_goal(self) -> Self:
        """One of the three."""
        goals = {"keep": self.keep, "keep_ms": self.keep_ms, "target_ms": self.target_ms}
        given = [f"{name} {value:g}" for name, value in goals.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} given; one, the others null, would be right")
        if self.int8 is not None and not self.by_table:
            raise ValueError(
                f"int8 {self.int8} given without keep_ms or target_ms; with one of them, or left out, would be right"
            )
        return self

    def gives(self, form: Form) -> Form | None:
        """A network, from a network."""
        return "torch" if form == "torch" else None

    def fitted(self, target: Target) -> Prune:
        """Widths rounded to what the target's kernels like. UserError where milliseconds could not be its own."""
        if self.target_ms and not target.here:
            raise UserError(
                f"prune.target_ms: {self.target_ms:g} given for {target.name}, whose milliseconds this machine cannot "
                "know; prune.keep_ms, a share of them, or prune.keep, of the multiply-adds, would be right"
            )
        if self.int8 and target.int8 is None:
            raise UserError(f"prune.int8: true given for {target.name}, which has no int8; false would be right")
        keep = self.keep if self.keep or self.by_table else 0.7
        return self.settled().model_copy(update={"round_to": self.round_to or target.rounding, "keep": keep})

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Prune, train, write. UserError where the network was trained for int8."""
        from mfast_edge.stages.widths import thin

        precision.refuse(parent.folder, "prune")
        made = shop.rebuilt(parent)
        thin(made, self, shop, parent.folder / "probe")
        if self.images:
            shop.train(made, self, work.state, parent)
        shop.write(made, work.files)


STAGE = Prune
