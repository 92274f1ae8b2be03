"""train: nothing → a float network, on the train split, from random or given weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mfast_edge.candidate import Candidate, Form
from mfast_edge.recipe import Recipe

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class Train(Recipe):
    """A whole training; `images` are seen in total, whatever the size of the set."""

    version: ClassVar[str] = "4"
    reads: ClassVar[tuple[str, ...]] = ("data", "init", "teacher")

    def gives(self, form: Form) -> Form | None:
        """A network, from nothing."""
        return "torch" if form == "none" else None

    def fitted(self, target: Target) -> Train:
        """A float training is the same for every target."""
        return self.settled()

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Train and write blueprint.json and weights.safetensors."""
        made = shop.fresh()
        shop.train(made, self, work.state, parent)
        shop.write(made, work.files)


STAGE = Train
