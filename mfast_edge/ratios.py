"""What a clock said of layers and their replacements: measured once, kept for the machine, read by digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mfast_edge.candidate import digest, file_digest
from mfast_edge.store import read_json, write_json

UNKNOWN = "not measured yet"
FASTER = 0.98  # what the upper end of a ratio's interval must stay below: of a layer's times as of a network's


@dataclass(frozen=True, slots=True)
class Offer:
    """A replacement of the layer at `path`: tucker2 (out, in), cp (rank,) or svd (rank,)."""

    path: str
    kind: str
    ranks: tuple[int, ...]

    @property
    def name(self) -> str:
        """`tucker2 48/64`."""
        return f"{self.kind} {'/'.join(map(str, self.ranks))}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """Time of a replacement / time of its layer: the median over rounds, low, high; or by prediction alone.

    `proxy`: on another machine than the target.
    """

    median: float
    low: float
    high: float
    predicted: bool = False
    proxy: bool = False

    @property
    def told(self) -> str:
        """The median, and whose it is."""
        return f"{self.median:.2f}x the time{' by proxy' if self.proxy else ''}"

    def __str__(self) -> str:
        return f"{self.told} {'by prediction' if self.predicted else f'[{self.low:.2f}, {self.high:.2f}]'}"


@dataclass(frozen=True, slots=True)
class Timings:
    """runs/machines/<machine>/ratios/layers-<terms>.json: a ratio for each layer and replacement timed so far.

    Layers are known by their shapes, not by their networks; the terms are how they were timed.
    """

    path: Path

    @classmethod
    def under(cls, root: Path, machine: str, terms: Any) -> Timings:
        """Where what was timed under these terms lies, or will lie."""
        return cls(root / "machines" / machine / "ratios" / f"layers-{digest(terms)}.json")

    def read(self) -> dict[str, Ratio]:
        """{question: ratio}."""
        return {question: Ratio(**ratio) for question, ratio in (read_json(self.path) or {}).items()}

    def add(self, more: Mapping[str, Ratio]) -> None:
        """Put down what is new; what is there stays."""
        known = self.read()
        if not set(more) <= set(known):
            write_json(self.path, {question: asdict(ratio) for question, ratio in {**more, **known}.items()})


@dataclass(frozen=True, slots=True)
class Ratios:
    """runs/machines/<machine>/ratios/<question>.json; the question is all that the answers depend on."""

    path: Path

    @classmethod
    def about(cls, root: Path, machine: str, question: Any) -> Ratios:
        """Where the answers to a question lie, or will lie."""
        return cls(root / "machines" / machine / "ratios" / f"{digest(question)}.json")

    @property
    def known(self) -> bool:
        """Whether the question was answered."""
        return self.path.is_file()

    @property
    def digest(self) -> str:
        """What enters a key: of the answers, not of the question."""
        return file_digest(self.path) if self.known else UNKNOWN

    def read(self) -> Mapping[Offer, Ratio]:
        """The answers."""
        told = read_json(self.path)["offers"]
        return {Offer(one["path"], one["kind"], tuple(one["ranks"])): Ratio(**one["ratio"]) for one in told}
