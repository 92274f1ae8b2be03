"""Two candidates side by side: what one gains over the other on the same photos, in which share of its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmarks import score, timing
from mfast_edge.candidate import digest
from mfast_edge.data.photo import load as load_photo
from mfast_edge.judge import as_file, as_torch, quickest
from mfast_edge.metrics.weight import size
from mfast_edge.models.steps import parts
from mfast_edge.runners import open_file, stand_in
from mfast_edge.store import read_json, write_json

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.quality import Examined
    from mfast_edge.workshop import Workshop

PHOTOS = 8  # that calls take in turn
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """A candidate and what it runs in."""

    shop: Workshop
    candidate: Candidate

    def looked(self, split: str) -> Examined:
        """Quality on a split, a graph's in the first runtime of the target."""
        if self.candidate.form == "torch":
            return as_torch(self.shop, self.candidate, split)
        return as_file(self.shop, self.candidate, self.shop.target.measured[0], split)

    @property
    def mb(self) -> float:
        """Weight of the file that is timed, in MB (10^6 bytes)."""
        return size(stand_in(self.shop, self.candidate))


def gained(base: Side, other: Side, split: str) -> Json:
    """Points of the headline that `other` has more than `base` on the same photos, with the paired 95 % interval."""
    truths = [record.truth for record in base.shop.data.splits[split]]
    found = base.shop.task.paired(truths, other.looked(split).found, base.looked(split).found, base.shop.data.classes)
    return {"points": 100 * found.difference, "low": 100 * found.low, "high": 100 * found.high}


def mean(many: Sequence[Mapping[str, float]]) -> Json:
    """Each figure's mean. Of intervals over the same photos it is one that is not too narrow, however alike the
    trainings are."""
    return {name: fmean(one[name] for one in many) for name in many[0]}


def raced(base: Side, other: Side, folder: Path) -> Json:
    """Photo to detections, of both in alternating rounds, each in its fastest runtime; measured once: {runtime, ms,
    ratio other / base}."""
    target = base.shop.target
    terms = digest([target.measured, target.threads, target.opset, target.timing.model_dump(mode="json")])
    place = folder / f"{base.candidate.key}-{other.candidate.key}-{base.shop.machine}-{terms[:6]}.json"
    if told := read_json(place):
        return dict(told)
    series = base.shop.time({**calls("parent", base), **calls("child", other)})
    child, parent = (quickest(series, name) for name in ("child", "parent"))
    ratio = timing.ratio(child, parent)._asdict()
    told = {"runtime": child.name.split()[1], "ms": timing.percentile(child, 50), "ratio": ratio}
    write_json(place, told)
    return told


def calls(name: str, side: Side) -> dict[str, Callable[[], object]]:
    """`<name> <runtime>` → a call from photo to detections."""
    shop = side.shop
    photos = [load_photo(record) for record in shop.data.splits["val"][:PHOTOS]]
    graph, facts = stand_in(shop, side.candidate), shop.facts(side.candidate)
    return {
        f"{name} {runtime}": parts(open_file(graph, runtime, shop.target.threads), photos, shop.model.decode, facts)[
            "end_to_end"
        ]
        for runtime in shop.target.measured
    }


def scored(base: Side, other: Side, ratio: Mapping[str, float]) -> Json:
    """The composite score of `other` where the base scores 1, and the best and worst of it: F1's bootstrap interval,
    the ratio's own."""
    looked, reference = other.looked("val"), {"f1_ref": base.looked("val").quality.f1, "t_ref": 1.0}
    truths = [record.truth for record in other.shop.data.splits["val"]]
    confidence = looked.quality.confidence
    edges = other.shop.task.f1_interval(truths, looked.found, other.shop.data.classes, confidence)
    best, worst = score.interval(*edges, ratio["low"], ratio["high"], **reference)
    return {"score": score.score(looked.quality.f1, ratio["median"], **reference), "low": best, "high": worst}


def contrasted(pairs: Sequence[tuple[Side, Side]], folder: Path) -> Json:
    """All that is told of a row: (base, other) of each seed, of which the first pair is raced."""
    told = raced(*pairs[0], folder)
    looked = [other.looked("val").quality.to_json() for _, other in pairs]
    figures = [{name: value for name, value in one.items() if isinstance(value, int | float)} for one in looked]
    headlines = [100 * other.shop.task.headline(other.looked("val").quality) for _, other in pairs]
    return {
        "keys": [other.candidate.key for _, other in pairs],
        "quality": mean(figures),
        "gained": mean([gained(base, other, "val") for base, other in pairs]),
        "spread": {"low": min(headlines), "high": max(headlines)},
        **told,
        "mb": pairs[0][1].mb,
        "score": mean([scored(base, other, told["ratio"]) for base, other in pairs]),
    }
