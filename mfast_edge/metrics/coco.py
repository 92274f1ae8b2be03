"""COCO's twelve figures by the reference library, pycocotools."""

import contextlib
import io
from collections.abc import Sequence

from mfast_edge.data.sample import Truth
from mfast_edge.metrics.match import judged
from mfast_edge.models.detections import Detections

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def coco(truths: Sequence[Truth], found: Sequence[Detections], classes: int) -> dict[str, float | None]:
    """Fractions by name; None where there is no such truth (small, medium, large: 32² and 96² pixels)."""
    judge = judged(truths, found, classes)
    with contextlib.redirect_stdout(io.StringIO()):
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {name: float(value) if value >= 0 else None for name, value in zip(NAMES, judge.stats, strict=True)}
