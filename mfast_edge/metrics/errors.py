"""What kind of mistake each false positive and each missed object is (TIDE: Bolya, Foley, Hays, Hoffman 2020)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mfast_edge.data.sample import Truth
from mfast_edge.metrics import match
from mfast_edge.models.boxes import overlaps
from mfast_edge.models.detections import Detections

FOUND, NEAR = 0.5, 0.1  # TIDE's foreground and background IoU
KINDS = ("localisation", "confusion", "both", "duplicate", "background", "missed")


@dataclass(slots=True)
class Errors:
    """One class: truths to be found, detections that are right, and how many mistakes of each kind.

    Mistakes of false positives stand under the class that was said; `mistaken` counts the classes it was in
    confusions. The missed are the class's own truths.
    """

    truths: int = 0
    right: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    mistaken: Counter[int] = field(default_factory=Counter)


def errors(truths: Sequence[Truth], found: Sequence[Detections], classes: int, confidence: float) -> list[Errors]:
    """Each class's mistakes at IoU .5 among the detections scored `confidence` or more.

    Right and wrong are COCO's matching; then TIDE's definitions (section 2.2) in its order. localisation: the
    best truth of the class overlaps by .1 to .5. confusion: one of another class overlaps by .5 or more.
    duplicate: one of the class does, but is found already. background: no truth overlaps by more than .1.
    both: the rest, class and place wrong. missed: a truth not found that no localisation or confusion is about.
    """
    truths = [match.spread(one, classes) for one in truths]
    sure = [_above(one, confidence) for one in found]
    told = [Errors() for _ in range(classes)]
    if not truths:
        return told
    right, seen, ignored = _matched(truths, sure, classes)
    for image, (truth, one) in enumerate(zip(truths, sure, strict=True)):
        for label in truth.classes[~truth.ignore]:
            told[label].truths += 1
        for label in one.classes[right[image]]:
            told[label].right += 1
        wrong = ~right[image] & ~ignored[image]
        _image(truth, one, (wrong, seen[image]), told)
    return told


def _above(found: Detections, confidence: float) -> Detections:
    rows = found.scores >= confidence
    return Detections(found.boxes[rows], found.scores[rows], found.classes[rows])


def _matched(truths: Sequence[Truth], found: Sequence[Detections], classes: int) -> tuple[list[np.ndarray], ...]:
    """Of each image: detections that are right, truths that are found, detections that do not count."""
    judge = match.judged(truths, found, classes)
    judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
    judge.params.maxDets, judge.params.iouThrs = [match.LIMIT], np.array([FOUND])
    shots = [shot for shot in match.shots(judge) if shot]
    said = [len(one.scores) for one in found]
    there = [len(one.classes) for one in truths]
    right, seen, ignored = np.zeros(sum(said), bool), np.zeros(sum(there), bool), np.ones(sum(said), bool)
    for shot in shots:
        hit = (shot["dtMatches"][0] > 0) & (shot["dtIgnore"][0] == 0)
        rows = np.array(shot["dtIds"], int) - 1
        right[rows] = hit
        ignored[rows] = shot["dtIgnore"][0] > 0  # beyond COCO's limit per image nothing is looked at
        seen[np.array(shot["gtIds"], int) - 1] = shot["gtMatches"][0] > 0
    cuts, ends = np.cumsum(said)[:-1], np.cumsum(there)[:-1]
    return np.split(right, cuts), np.split(seen, ends), np.split(ignored, cuts)


def _image(truth: Truth, found: Detections, known: tuple[np.ndarray, np.ndarray], told: list[Errors]) -> None:
    """Count one image's mistakes; `known`: its wrong detections, its found truths."""
    wrong, seen = known
    ious = overlaps(found.boxes.astype(float), truth.boxes.astype(float))
    ious[:, truth.ignore] = 0.0
    excused = seen | truth.ignore
    for row in np.flatnonzero(wrong):
        label = int(found.classes[row])
        kind, place = _kind(ious[row], truth.classes == label)
        told[label].kinds[kind] += 1
        if kind in ("localisation", "confusion"):
            excused[place] = True
        if kind == "confusion":
            told[label].mistaken[int(truth.classes[place])] += 1
    for label in truth.classes[~excused]:
        told[label].kinds["missed"] += 1


def _kind(ious: np.ndarray, same: np.ndarray) -> tuple[str, int]:
    """The kind of one false positive's mistake, and the truth that it is about; `same`: truths of its class."""
    own, other = np.where(same, ious, 0.0), np.where(same, 0.0, ious)
    near, far = (int(one.argmax()) if len(one) else 0 for one in (own, other))
    best, strange = own.max(initial=0.0), other.max(initial=0.0)
    if NEAR <= best < FOUND:
        return "localisation", near
    if strange >= FOUND:
        return "confusion", far
    if best >= FOUND:
        return "duplicate", near
    return ("both", far) if strange > NEAR else ("background", far)
