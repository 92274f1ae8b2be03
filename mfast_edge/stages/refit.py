"""refit: a network → the same one at another input size, on the anchors and head levels that the data use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.errors import UserError
from mfast_edge.model import Model, anchored
from mfast_edge.recipe import Recipe

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Built, Workshop


class Refit(Recipe):
    """`size` is the new input's side in pixels. Anchors: `matched` drops every shape that wins no more than
    `share` of the training photos' matches; a number fits so many to their objects; levels above the last that
    is left go. A network without anchors only takes the size. `images` 0: as it is.
    """

    version: ClassVar[str] = "3"
    reads: ClassVar[tuple[str, ...]] = ("data", "teacher")
    size: Annotated[int, Field(ge=32)] | None = None  # the parent's, unless given
    anchors: Literal["all", "matched"] | Annotated[int, Field(ge=1, le=99)] = "matched"
    share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    images: Annotated[int, Field(ge=0)] = 4000
    lr: Annotated[float, Field(gt=0)] = 3e-4

    def gives(self, form: Form) -> Form | None:
        """A network, from a network."""
        return "torch" if form == "torch" else None

    def fitted(self, target: Target) -> Refit:
        """A size is the same for every target. A share of matches says nothing where shapes are not matched."""
        return self.settled().model_copy(update={} if self.anchors == "matched" else {"share": 0.0})

    def suits(self, model: Model) -> None:
        """UserError where anchors are asked for and the model has none."""
        if isinstance(self.anchors, int) and not anchored(model):
            raise UserError(
                f"refit.anchors: {self.anchors} given and {model.name} has no anchors; matched would be right"
            )

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Build anew, carry the weights over, train, write."""
        made = self.made(shop.rebuilt(parent), shop)
        if self.images:
            shop.train(made, self, work.state, parent)
        shop.write(made, work.files)

    def made(self, old: Built, shop: Workshop) -> Built:
        """The network at the new size and on the anchors left, untrained."""
        from mfast_edge.stages.transplant import transplant

        self.suits(shop.model)
        build: Any = old.build.model_copy(update={"size": self.size} if self.size else {})
        if self.anchors == "matched":
            build = shop.model.fewer(build, shop.objects(), self.share)
        elif isinstance(self.anchors, int):
            build = shop.model.fitted(build, shop.objects(), self.anchors)
        try:
            build = type(build)(**build.model_dump())
        except ValueError as wrong:
            raise UserError(f"refit: {shop.model.name} cannot be built so: {wrong}") from None
        return transplant(old, build, shop)


STAGE = Refit
