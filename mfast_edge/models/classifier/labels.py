"""What the shapes of a file's tensors tell of a classifier: how many classes it knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

STEP = re.compile(r"graph\.steps\.(\d+)\..*bias")


def labels(shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """A `?` for each class of one's own weights: their last layer's; () where they are not a classifier's."""
    found = [(int(match[1]), name) for name in shapes if (match := STEP.fullmatch(name))]
    return ("?",) * shapes[max(found)[1]][0] if found else ()
