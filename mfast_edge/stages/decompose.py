"""decompose: a network → one with layers replaced by thinner chains where the clock and the outputs allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.errors import UserError
from mfast_edge.ratios import Ratios
from mfast_edge.recipe import Recipe

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop

METHODS: tuple[Literal["tucker2", "cp"], ...] = ("tucker2", "cp")


class Decompose(Recipe):
    """Tucker-2 and CP for convolutions, truncated SVD for linear layers; taken layer by layer, then trained.

    Ranks by EVBMF, moved each of the shares `weaken` of the way back to full ranks, or `share` of the channels
    for all; rounded up to `round_to`. The fastest is taken whose output is off by no more than `error`, relative,
    on `photos` training photos.
    """

    version: ClassVar[str] = "2"
    reads: ClassVar[tuple[str, ...]] = ("data", "ratios", "teacher")
    methods: Annotated[tuple[Literal["tucker2", "cp"], ...], Field(min_length=1)] = METHODS
    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    weaken: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)] = (0.0, 0.25, 0.5)
    error: Annotated[float, Field(gt=0, le=1)] = 0.3
    photos: Annotated[int, Field(ge=1)] = 32
    round_to: Annotated[int, Field(ge=1)] | None = None  # the target's, unless given
    int8: bool | None = None  # whether layers are timed as int8; as the plan ends, unless given
    images: Annotated[int, Field(ge=0)] = 4000
    lr: Annotated[float, Field(gt=0)] = 1.5e-4

    def gives(self, form: Form) -> Form | None:
        """A network, from a network."""
        return "torch" if form == "torch" else None

    def fitted(self, target: Target) -> Decompose:
        """Ranks rounded to what the target's kernels like. UserError where it has no int8 to time layers in."""
        if self.int8 and target.int8 is None:
            raise UserError(f"decompose.int8: true given for {target.name}, which has no int8; false would be right")
        settled = self.settled()
        return settled if self.round_to else settled.model_copy(update={"round_to": target.rounding})

    def ratios(self, parent: Candidate, shop: Workshop) -> Ratios:
        """Where the clock's answers about the parent's layers lie: all that they depend on names the file."""
        target = shop.target
        terms = [target.measured, target.threads, target.opset, target.int8 and target.int8.model_dump(mode="json")]
        terms += [] if target.here else ["proxy"]
        mine = [self.methods, self.share, self.weaken, self.round_to, bool(self.int8)]
        return Ratios.about(shop.store.root, shop.machine, [parent.key, mine, terms, target.timing.model_dump()])

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Replace what pays, train, write; without a replacement the network stays as it is."""
        from mfast_edge.stages.replace import replace
        from mfast_edge.store import write_json

        made = shop.rebuilt(parent)
        choices = replace(made, self, self.ratios(parent, shop).read(), shop)
        if self.images and any(choice.taken for choice in choices):
            shop.train(made, self, work.state, parent)
        shop.write(made, work.files)
        write_json(work.files / "decompose.json", [choice.told() for choice in choices])


STAGE = Decompose
