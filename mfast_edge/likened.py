"""The rule over a graph whose decoder nobody knows: it must give the same numbers, sooner or in fewer bytes."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import timing
from mfast_edge.ratios import FASTER
from mfast_edge.verdict import LIGHTER, Verdict, said

SAME = 0.99999  # the cosine of a graph that was only folded
SLACK = 10  # how many times as far from 1 as the whole output a single channel of it may be


def likened(verdict: Verdict, likeness: float) -> Verdict:
    """The verdict by the least cosine between the raw outputs of a graph and of the file that was given."""
    same = verdict.parity
    assert same is not None, "every graph is compared"
    least = SAME if verdict.ratio is None else likeness
    alike = near(same["cosine"], same["channel"], least)
    told = f"cosine {same['cosine']:.5f}, of its worst channel {same['channel']:.4f}, on {same['images']:.0f} photos"
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
