"""prune: a network → a thinner one, whole channels taken out in groups, then trained to recover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.recipe import Recipe

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class Prune(Recipe):
    """`keep` is the share of multiply-adds left; importance from `batches` training batches; heads stay whole."""

    version: ClassVar[str] = "3"
    reads: ClassVar[tuple[str, ...]] = ("data", "teacher")
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.7
    batches: Annotated[int, Field(ge=1)] = 16
    most: Annotated[float, Field(gt=0, lt=1)] = 0.8  # of one group's channels
    round_to: Annotated[int, Field(ge=1)] | None = None  # the target's, unless given
    images: Annotated[int, Field(ge=1)] = 4000
    lr: Annotated[float, Field(gt=0)] = 1.5e-4

    def gives(self, form: Form) -> Form | None:
        """A network, from a network."""
        return "torch" if form == "torch" else None

    def fitted(self, target: Target) -> Prune:
        """Widths rounded to what the target's kernels like."""
        settled = self.settled()
        return settled if self.round_to else settled.model_copy(update={"round_to": target.rounding})

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Prune, train, write."""
        from mfast_edge.stages.channels import thin

        made = shop.rebuilt(parent)
        thin(made, self, shop)
        shop.train(made, self, work.state, parent)
        shop.write(made, work.files)


STAGE = Prune
