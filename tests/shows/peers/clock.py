"""All rows of all seeds in one run of alternating rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import timing
from mfast_edge.data.photo import load
from mfast_edge.models.steps import parts
from mfast_edge.timed import PHOTOS
from tests.shows.peers.bench import Bench, Made
from tests.shows.peers.scored import session

PARTS = ("forward", "end_to_end")
WARMUP, ROUNDS = 10, 30


@dataclass(frozen=True, slots=True)
class Protocol:
    """Each call runs `seconds` in each of `rounds` rounds."""

    rounds: int = ROUNDS
    seconds: float = 0.03


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of one seed, run one way."""

    bench: Bench
    made: Made
    way: str

    @property
    def name(self) -> str:
        """The row of the table that it counts for: `ort-openvino`."""
        return f"{self.made.name}-{self.way}"


def clock(entries: Sequence[Entry], threads: int, protocol: Protocol) -> list[dict[str, Any]]:
    """Of each entry and part a summary in ms and each round's median; end to end: photo in memory → detections."""
    photos = [load(record) for record in entries[0].bench.shop.data.splits["val"][:PHOTOS]]
    calls: dict[str, Callable[[], object]] = {}
    for place, entry in enumerate(entries):
        shop = entry.bench.shop
        made = parts(
            session(entry.made, entry.way, threads), photos, shop.model.decode, shop.facts(entry.made.candidate)
        )
        calls |= {f"{place} {part}": made[part] for part in PARTS}
    series = timing.measure(calls, rounds=protocol.rounds, warmup=WARMUP, seconds=protocol.seconds)
    return [timed(place, series) for place in range(len(entries))]


def timed(place: int, series: Mapping[str, timing.Series]) -> dict[str, Any]:
    """What was found of one entry."""
    mine = {part: series[f"{place} {part}"] for part in PARTS}
    return {part: timing.summary(one) | {"rounds": list(timing.medians(one))} for part, one in mine.items()}
