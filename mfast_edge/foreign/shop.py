"""The surroundings of a run on somebody else's graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mfast_edge.candidate import Candidate, file_digest
from mfast_edge.errors import UserError
from mfast_edge.workshop import Workshop, dressing, kept

if TYPE_CHECKING:
    from mfast_edge.precision import Precision
    from mfast_edge.stages.quantize import Quantize


@dataclass(frozen=True, slots=True)
class Named:
    """What stands where others have a model: a name, which no model has. Nothing that needs a network is asked."""

    name: str


@dataclass(frozen=True)
class Adopted(Workshop):
    """A workshop whose `init` is the file: the root of all that is made of it."""

    @property
    def root(self) -> Candidate:
        """The file's content is the key; its name is none of it."""
        assert self.init is not None
        return Candidate(file_digest(self.init)[:20], self.model.name, "none", Path(), ())

    def quantize(self, source: Path, path: Path, settings: Quantize, known: Precision | None) -> None:
        """As of ours, but that pixels come scaled, and what decodes boxes behind the last layers stays in float."""
        from export.adopt import tail
        from export.int8 import quantize

        if settings.dressing is None:
            raise UserError(f"quantize: target {self.target.name} has no int8; leave the stage out of the plan")
        whole = (*kept(source, settings.keep_float), *tail(source))
        asked = dressing(settings, settings.dressing)
        wanted = replace(asked, exclude=whole, pixels="float32", whole_pixels=False)
        quantize(source, path, self.photos(source, settings.images), dressing=wanted)
