"""Which blocks stay in float, chosen from an autopsy that was measured before: a stage reads no clock itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mfast_edge.candidate import file_digest
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings


class Mixed(Settings):
    """`autopsy` is the file that the command autopsy wrote, once resolved its SHA-256.

    `lose`: points of mAP (IoU .5 to .95, which sees more than mAP@.5 does on photos of train), or of a classifier's
    macro F1, that the graph may lose on the autopsy's photos against float.
    """

    autopsy: str
    lose: Annotated[float, Field(allow_inf_nan=False)] = 0.5

    def resolved(self) -> tuple[Mixed, tuple[str, ...]]:
        """The same with the file's digest instead of its place, and the blocks to keep. UserError: no such file."""
        file = Path(self.autopsy).expanduser()
        try:
            told = json.loads(file.read_text())
            blocks = chosen(told, self.lose)
        except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError):
            raise UserError(
                f"quantize.mixed.autopsy: {self.autopsy!r} given; a file that python -m mfast_edge.autopsy RUN wrote "
                "would be right"
            ) from None
        return self.model_copy(update={"autopsy": file_digest(file)}), blocks


def chosen(autopsy: Mapping[str, Any], lose: float) -> tuple[str, ...]:
    """The set of the autopsy's front that is fastest among those that lose at most `lose` points; () is all int8.

    UserError where every set loses more.
    """
    key = autopsy["fine"][0]["key"] if "fine" in autopsy else "map"  # autopsies of older versions are detectors'
    least = autopsy["float"][key] - lose
    good = [one for one in autopsy["front"] if one[key] >= least]
    if not good:
        best = autopsy["float"][key] - max(one[key] for one in autopsy["front"])
        raise UserError(f"quantize.mixed.lose: {lose:g} given; the best set of the autopsy loses {best:.2f} points")
    return tuple(min(good, key=lambda one: float(one["ms"]))["keep_float"])
