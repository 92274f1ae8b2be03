"""adopt: somebody else's ONNX file → the same graph, fixed and folded, that other stages can take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from mfast_edge import blueprint
from mfast_edge.candidate import Candidate, Form
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings

if TYPE_CHECKING:
    from export.intake import Scale
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop

Side = Annotated[int, Field(ge=8)]
Three = tuple[float, float, float]


class Adopt(Settings):
    """`pixels`: what the graph takes; (pixel - `mean`) / `std` of pixels 0..255, in the order of `colours`, else.

    Nothing of this need be given where the file says it: metadata, uint8, a division in its first nodes. `size` is
    the side, or height and width, of an image where the graph leaves that open.
    """

    version: ClassVar[str] = "1"
    reads: ClassVar[tuple[str, ...]] = ("init",)
    pixels: Literal["0..255", "0..1", "-1..1", "imagenet"] | None = None
    mean: Three | None = None
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(None, min_length=3, max_length=3)
    colours: Literal["rgb", "bgr"] = "rgb"
    size: Side | tuple[Side, Side] | None = None

    @model_validator(mode="after")
    def _once(self) -> Adopt:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std go together; both, or pixels instead, would be right")
        if self.pixels and self.mean:
            raise ValueError("pixels, and mean and std; one of the two would be right")
        return self

    def gives(self, form: Form) -> Form | None:
        """A graph, from nothing."""
        return "onnx" if form == "none" else None

    def fitted(self, target: Target) -> Adopt:
        """As it is."""
        return self

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """model.onnx, and what is known of it as a blueprint."""
        from export.adopt import adopt, read
        from export.errors import ExportError

        assert shop.init is not None, "a plan that begins with adopt is given a file"
        scaled = self.checked(shop.init)
        try:
            adopt(shop.init, work.files / "model.onnx", scaled, self.sides)
        except ExportError as wrong:
            raise UserError(f"--model: {wrong}") from None
        graph = read(shop.init).model.graph
        known: dict[str, Any] = {"file": shop.init.name, "input": str(scaled)}
        known["outputs"] = [one.name for one in graph.output]
        blueprint.write(work.files, {"graph": known, "decode": {"classes": labels(shop.init)}})

    def checked(self, file: Path) -> Scale:
        """How pixels are scaled, once the file is known to be one that can be adopted. UserError where it is not."""
        from export.adopt import sized
        from export.errors import ExportError

        try:
            sized(file, self.sides)
            return self.scaled(file)
        except ExportError as wrong:
            raise UserError(f"--model: {wrong}") from None

    @property
    def sides(self) -> tuple[int, int] | None:
        """(height, width)."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def scaled(self, file: Path) -> Scale:
        """How pixels are scaled for the graph in `file`: as given, else as it says. UserError where it does not."""
        from export.adopt import read, scale
        from export.intake import Scale

        colours: Literal["RGB", "BGR"] = "BGR" if self.colours == "bgr" else "RGB"
        if self.pixels:
            return Scale.called(self.pixels, colours)
        if self.mean and self.std:
            return Scale(self.mean, (self.std[0], self.std[1], self.std[2]), colours)
        found = scale(read(file))
        if found is None:
            raise UserError(
                f"adopt.pixels: {file.name} does not say how it takes pixels; --set adopt.pixels=0..1 (or 0..255, "
                "-1..1, imagenet; or adopt.mean=[r,g,b] and adopt.std=[r,g,b] of pixels 0..255) would be right"
            )
        return found if self.colours == "rgb" else Scale(found.mean, found.std, "BGR")


def labels(file: Path) -> list[str]:
    """The names of classes that the file's metadata hold as a list or mapping; none where they hold none."""
    from ast import literal_eval

    from export.adopt import read

    told = {one.key: one.value for one in read(file).model.metadata_props}
    try:
        found = literal_eval(told.get("labels") or told.get("names") or "[]")
    except (ValueError, SyntaxError):
        return []
    names = list(found.values()) if isinstance(found, dict) else found
    return [str(name) for name in names] if isinstance(names, list) else []


STAGE = Adopt
