"""What a format's reader hands over: annotations as they are written, before any check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mfast_edge.data.report import Finding
from mfast_edge.data.sample import Mask

UNKNOWN = -2  # -1 is sample.ANY


@dataclass(frozen=True, slots=True)
class Thing:
    """One annotated object: box x1 y1 x2 y2, class number (or UNKNOWN, or ANY) and the class as written.

    ANY belongs to regions to be ignored whatever is in them: KITTI's DontCare.
    """

    box: tuple[float, float, float, float]
    kind: int
    label: str
    ignore: bool = False
    mask: Mask = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One annotated photo; `size` is the (width, height) that the annotation states, if it states one.

    `labels` are class numbers of the photo as a whole. A photo that has them and no things was not searched for
    objects.
    """

    name: str
    path: Path
    size: tuple[int, int] | None
    things: tuple[Thing, ...]
    labels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """A whole data set as written.

    `splits` maps train, val, test or trainval to names of drafts; empty where the format has none.
    `relative`: boxes are fractions of the photo's width and height, not pixels.
    """

    classes: tuple[str, ...]
    drafts: tuple[Draft, ...]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    relative: bool = False
