"""Keep or roll back a graph whose decoder nobody knows: it must give the same numbers, sooner or in fewer bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import timing
from export.parity import liken
from mfast_edge.judge import Judge, alone, race
from mfast_edge.ratios import FASTER
from mfast_edge.runners import open_file, telling
from mfast_edge.verdict import LIGHTER, Names, Verdict, said

if TYPE_CHECKING:
    from export.sessions import Outputs, Session
    from mfast_edge.candidate import Candidate
    from mfast_edge.data.sample import Record
    from mfast_edge.workshop import Workshop

MOST = 100  # photos that are compared
SAME = 0.99999  # the cosine of a graph that was only folded
SLACK = 10  # how many times as far from 1 as the whole output a single channel of it may be


@dataclass(frozen=True, slots=True)
class ByLikeness(Judge):
    """`likeness`: the least cosine between the raw outputs of a graph and of the file that was given."""

    likeness: float = 0.99

    def decide(self, stage: str, base: Candidate, parent: Candidate, child: Candidate) -> Verdict:
        """What is measured; `settled` decides."""
        names = Names(stage, parent.key, child.key, self.shop.machine)
        proxy, val = not self.shop.target.here, some(self.shop, "val")
        if parent.form == "none":
            runtime, ms = alone(self.shop, child.file)
            same = likeness(self.shop, child.file, runtime, val)
            return Verdict(*names, False, "", runtime, proxy, {}, parity=same, ms=ms)
        runtime, ratio, ms = race(self.shop, {"parent": parent.file, "child": child.file})
        same = likeness(self.shop, child.file, runtime, val)
        lighter = child.file.stat().st_size / parent.file.stat().st_size
        return Verdict(
            *names, False, "", runtime, proxy, {}, None, ratio._asdict(), lighter, parity=same, ms=ms
        )  # fmt: skip

    def settled(self, verdict: Verdict, child: Candidate) -> Verdict:
        """The verdict by this run's tolerance."""
        same = verdict.parity
        assert same is not None, "every graph is compared"
        least = SAME if verdict.ratio is None else self.likeness
        alike = near(same["cosine"], same["channel"], least)
        told = (
            f"cosine {same['cosine']:.5f}, of its worst channel {same['channel']:.4f}, on {same['images']:.0f} photos"
        )
        limit = f"(at least {least:g} and {slack(least):g} must)"
        if verdict.ratio is None or verdict.bytes_ratio is None:
            return replace(verdict, keep=alike, sentence=f"{said(alike)}: {told} {limit}")
        ratio = timing.Ratio(**verdict.ratio)
        faster = ratio.high < FASTER
        pays = faster or cheaper(verdict, ratio) or (verdict.proxy and verdict.bytes_ratio <= LIGHTER)
        proxy = "by proxy " if verdict.proxy else ""
        speed = f"{ratio.median:.2f}x the time [{ratio.low:.2f}, {ratio.high:.2f}] {proxy}in {verdict.runtime}"
        lighter = "" if faster or not pays else f"; {1 - verdict.bytes_ratio:.0%} lighter"
        why = "; too far from the file" if not alike else lighter if pays else "; not faster"
        return replace(verdict, keep=alike and pays, sentence=f"{said(alike and pays)}: {speed}, {told} {limit}{why}")


def cheaper(verdict: Verdict, ratio: timing.Ratio) -> bool:
    """No slower and lighter."""
    return verdict.bytes_ratio is not None and verdict.bytes_ratio <= LIGHTER and ratio.low <= 1 <= ratio.high


def near(cosine: float, channel: float, least: float) -> bool:
    """The rule: an output is as near as was asked, and none of its channels lost."""
    return cosine >= least and channel >= slack(least)


def slack(least: float) -> float:
    """What a channel must reach where its output must reach `least`."""
    return max(0.0, 1 - SLACK * (1 - least))


def some(shop: Workshop, split: str) -> Sequence[Record]:
    """Photos of a split to compare on; of another one where it has none."""
    found = next(records for part in (split, "val", "test", "train") if (records := shop.data.splits[part]))
    return found[:MOST]


def likeness(shop: Workshop, graph: Path, runtime: str, records: Sequence[Record]) -> dict[str, float]:
    """How alike the raw outputs of `graph` and of the given file (in onnxruntime) are, over all outputs the worst."""
    given, other = given_file(shop), open_file(telling(graph), runtime, shop.target.threads)
    found = liken(pairs(given, other, shop.taken(graph, records)), given.output_names).values()
    return {
        "cosine": min(one.cosine for one in found),
        "channel": min(one.channel for one in found),
        "max_abs": max(one.max_abs for one in found),
        "images": float(len(records)),
    }


def pairs(given: Session, other: object, images: Iterator[np.ndarray]) -> Iterator[tuple[Outputs, Outputs]]:
    """(right, other) outputs of each image, those of the other by name."""
    from export.sessions import Session

    assert isinstance(other, Session)
    for image in images:
        named = dict(zip(other.output_names, other(image), strict=True))
        yield given(image), tuple(named[name] for name in given.output_names)


def given_file(shop: Workshop) -> Session:
    """The file as it was given."""
    from export.sessions import open_session

    assert shop.init is not None
    return open_session(shop.init, "onnxruntime", threads=shop.target.threads)
