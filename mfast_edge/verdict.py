"""What was decided of a child and why: the rule over what the judge measured, with no clock and no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import timing
from mfast_edge.ratios import FASTER

WHOLE = "; the plan is judged as a whole"
UNCLOCKED = "; how fast it is the board must say"
LIGHTER = 0.90  # a ratio of bytes


class Names(NamedTuple):
    """Whom a verdict is about."""

    stage: str
    parent: str
    child: str
    machine: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided of a child and why, as it is stored."""

    stage: str
    parent: str
    child: str
    machine: str
    keep: bool
    sentence: str
    runtime: str
    proxy: bool
    quality: Mapping[str, Any]  # on val, as the judge looked at it
    loss: Mapping[str, float] | None = None  # points of the headline metric since train, low, high
    ratio: Mapping[str, float] | None = None  # time of child / parent: median, low, high
    bytes_ratio: float | None = None  # of child / parent
    probed: bool = False  # a network that was judged as the int8 graph it will become
    parity: Mapping[str, float] | None = None
    over_budget: bool = False  # it would pay, but loses too much
    ms: float | None = None  # of the graph that stands for it, in its fastest runtime, where it was judged


def returned(place: Path) -> Path:
    """Where the verdict by a device's own times lies, once results came back from it, beside the stand-in's `place`."""
    parent, child, *_, terms = place.stem.split("-")
    return place.with_name(f"{parent}-{child}-board-{terms}.json")


def settle(verdict: Verdict, budget: float, onward: bool = False) -> Verdict:
    """The verdict under a budget: the rule over what was measured; one that needs no weighing as it is.

    `onward`: kept all the same, as only what comes of it will be judged.
    """
    if verdict.loss is None:
        return verdict
    if verdict.ratio is None and verdict.bytes_ratio is not None:
        return unclocked(verdict, verdict.bytes_ratio, budget)
    if verdict.ratio is None or verdict.bytes_ratio is None:
        return going(verdict, verdict.sentence.partition(": ")[2]) if onward else verdict
    ratio = timing.Ratio(**verdict.ratio)
    keep, why = weighed(ratio, verdict.bytes_ratio, verdict.loss, budget)
    proxy, probed = "by proxy " if verdict.proxy else "", ", judged as int8" if verdict.probed else ""
    probed = ", its detections judged as int8" if verdict.proxy and verdict.probed else probed
    speed = f"{ratio.median:.2f}x the time [{ratio.low:.2f}, {ratio.high:.2f}] {proxy}in {verdict.runtime}{probed}"
    sentence = f"{said(keep)}: {speed}, {told_loss(verdict.loss)} of {budget:g}{why}"
    if onward:
        return going(verdict, f"{speed}, {told_loss(verdict.loss)}")
    over = loss_over(verdict.loss, budget) and ratio.high < FASTER
    return replace(verdict, keep=keep, sentence=sentence, over_budget=over)


def unclocked(verdict: Verdict, bytes_ratio: float, budget: float) -> Verdict:
    """Judged by its loss alone: the device that it was dressed for is not here. Over the budget, no earlier stage gives
    way to a gain that nobody has measured: once the device's times are here it may."""
    assert verdict.loss is not None
    over = loss_over(verdict.loss, budget)
    told = (
        f"{1 - bytes_ratio:.0%} lighter, {told_loss(verdict.loss)} of {budget:g}{'; over the budget' if over else ''}"
    )
    speed = UNCLOCKED + (", and with it whether an earlier stage is taken back for it" if over else "")
    return replace(verdict, keep=not over, sentence=f"{said(not over)}: {told}{speed}", over_budget=over)


def going(verdict: Verdict, told: str) -> Verdict:
    """Kept for what comes of it."""
    return replace(verdict, keep=True, sentence=f"goes on: {told}{WHOLE}", over_budget=False)


def overruled(verdict: Verdict, why: str) -> Verdict:
    """A kept child taken back all the same."""
    told = f"rolled back: {verdict.sentence.partition(': ')[2].removesuffix(WHOLE)}"
    return replace(verdict, keep=False, sentence=f"{told}; {why}")


def weighed(ratio: timing.Ratio, bytes_ratio: float, loss: Mapping[str, float], budget: float) -> tuple[bool, str]:
    """The rule itself: (keep, what spoke against it)."""
    faster = ratio.high < FASTER
    lighter = bytes_ratio <= LIGHTER and ratio.low <= 1 <= ratio.high
    if loss_over(loss, budget):
        return False, "; over the budget"
    if not (faster or lighter):
        return False, "; not faster"
    return True, "" if faster else f"; no slower and {1 - bytes_ratio:.0%} lighter"


def loss_over(loss: Mapping[str, float], budget: float) -> bool:
    """Whether more was lost than may be."""
    return loss["points"] > budget


def told_loss(loss: Mapping[str, float]) -> str:
    """`0.3 points lost [-0.2, 0.9]`."""
    return f"{loss['points']:.2f} points lost [{loss['low']:.2f}, {loss['high']:.2f}]"


def said(keep: bool) -> str:
    """The word for a verdict."""
    return "kept" if keep else "rolled back"
