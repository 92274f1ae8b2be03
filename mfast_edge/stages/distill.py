"""distill: a network → the same network, trained further beside a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.recipe import Recipe, Teacher

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class Distill(Recipe):
    """A recovery of its own: no shape changes, so it is kept where it finds more than what it was given."""

    version: ClassVar[str] = "2"
    reads: ClassVar[tuple[str, ...]] = ("data", "teacher")
    teacher: Teacher = "float"
    images: Annotated[int, Field(ge=1)] = 4000
    lr: Annotated[float, Field(gt=0)] = 1.5e-4

    def gives(self, form: Form) -> Form | None:
        """A network, from a network."""
        return "torch" if form == "torch" else None

    def fitted(self, target: Target) -> Distill:
        """The same for every target."""
        return self.settled()

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Train and write."""
        made = shop.rebuilt(parent)
        shop.train(made, self, work.state, parent)
        shop.write(made, work.files)


STAGE = Distill
