"""How good a candidate is on a split: detections and figures, stored beside it, never computed twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import machine
from mfast_edge import blueprint
from mfast_edge.candidate import digest
from mfast_edge.data.photo import load as load_photo
from mfast_edge.models.detections import TIES, Detections, detect
from mfast_edge.store import read_json, write_json
from mfast_edge.tasks.files import load, save
from mfast_edge.tasks.task import Quality

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.data.sample import Record
    from mfast_edge.models.detections import Forward
    from mfast_edge.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Examined:
    """Figures, and the detections they come from, one for each photo of the split."""

    quality: Quality
    found: list[Detections]


def examine(shop: Workshop, candidate: Candidate, how: str, split: str, open_it: Callable[[], Forward]) -> Examined:
    """Quality of `candidate` run as `how` (a runtime, or a probe's name) on a split of the data.

    `open_it` is called only if the store has no answer for these data, this runtime and instruction set. On test,
    F1 is taken at the confidence that was best on val.
    """
    isa = machine.strongest(shop.here) or "baseline"
    # thresholds and anchors decide what is found, and which of equal scores stay
    rules = digest([blueprint.read(candidate.folder)["decode"], TIES])[:6]
    place = candidate.folder / "quality" / f"{shop.data.digest[:12]}-{rules}-{split}-{how}-{isa}.json"
    told = read_json(place)
    if told:
        return Examined(shop.task.recalled(told), load(place.with_suffix(".npy")))
    forward = open_it()
    records = shop.data.splits[split]
    found = [look(shop, candidate, forward, record) for record in records]
    sure = None if split == "val" else examine(shop, candidate, how, "val", lambda: forward).quality.confidence
    quality = shop.task.compare([record.truth for record in records], found, shop.data.classes, sure)
    place.parent.mkdir(exist_ok=True)
    save(place.with_suffix(".npy"), found)
    write_json(place, quality.to_json())
    return Examined(quality, found)


def look(shop: Workshop, candidate: Candidate, forward: Forward, record: Record) -> Detections:
    """What a candidate finds in one photo, run by `forward`."""
    return detect(load_photo(record), forward, shop.model.decode, shop.facts(candidate))


def lost(shop: Workshop, split: str, base: Sequence[Detections], other: Sequence[Detections]) -> dict[str, float]:
    """Points of the headline metric that `other` lost, with the paired 95 % interval."""
    truths = [record.truth for record in shop.data.splits[split]]
    interval = shop.task.paired(truths, base, other, shop.data.classes)
    points = {"points": interval.difference, "low": interval.low, "high": interval.high}
    return {name: 100 * value for name, value in points.items()}
