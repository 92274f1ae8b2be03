"""Keep or roll back a graph whose decoder nobody knows: it must give the same numbers, sooner or in fewer bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.parity import liken
from mfast_edge.judge import Judge, alone, race
from mfast_edge.likened import likened
from mfast_edge.runners import open_file, telling
from mfast_edge.verdict import Names, Verdict

if TYPE_CHECKING:
    from export.sessions import Outputs, Session
    from mfast_edge.candidate import Candidate
    from mfast_edge.data.sample import Record
    from mfast_edge.workshop import Workshop

MOST = 100  # photos that are compared


@dataclass(frozen=True, slots=True)
class ByLikeness(Judge):
    """`likeness`: the least cosine between the raw outputs of a graph and of the file that was given."""

    likeness: float = 0.99

    def decide(self, stage: str, base: Candidate, parent: Candidate, child: Candidate) -> Verdict:
        """What is measured; `settled` decides. Where the device is not here the first row's graph is timed, and no
        ratio is known: what another dressing gains there no runtime of this machine can tell."""
        names = Names(stage, parent.key, child.key, self.shop.machine)
        proxy, val = not self.shop.target.here, some(self.shop, "val")
        if parent.form == "none":
            runtime, ms = alone(self.shop, child.file)
            same = likeness(self.shop, child.file, runtime, val)
            return Verdict(*names, False, "", runtime, proxy, {}, parity=same, ms=ms)
        ratio: Mapping[str, float] | None = None
        if proxy:
            runtime, ms = alone(self.shop, self.clocked(child))
        else:
            runtime, found, ms = race(self.shop, {"parent": parent.file, "child": child.file})
            ratio = found._asdict()
        same = likeness(self.shop, child.file, runtime, val)
        lighter = child.file.stat().st_size / parent.file.stat().st_size
        return Verdict(*names, False, "", runtime, proxy, {}, None, ratio, lighter, parity=same, ms=ms)

    def settled(self, verdict: Verdict, child: Candidate) -> Verdict:
        """The verdict by this run's tolerance."""
        return likened(verdict, self.likeness)


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
