"""The rule over a graph whose decoder nobody knows: it must give the same numbers, sooner or in fewer bytes."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import timing
from mfast_edge.ratios import FASTER
from mfast_edge.verdict import LIGHTER, UNCLOCKED, Verdict, said

SAME = 0.99999  # the cosine of a graph that was only folded
SLACK = 10  # how many times as far from 1 as the whole output a single channel of it may be


def likened(verdict: Verdict, likeness: float) -> Verdict:
    """The verdict by the least cosine between the raw outputs of a graph and of the file that was given.

    Where nothing is weighed the graph was only folded; what a device that is not here gains is judged by its bytes.
    """
    same = verdict.parity
    assert same is not None, "every graph is compared"
    least = SAME if verdict.bytes_ratio is None else likeness
    alike = near(same["cosine"], same["channel"], least)
    told = f"cosine {same['cosine']:.5f}, of its worst channel {same['channel']:.4f}, on {same['images']:.0f} photos"
    limit = f"(at least {least:g} and {slack(least):g} must)"
    if verdict.bytes_ratio is None:
        return replace(verdict, keep=alike, sentence=f"{said(alike)}: {told} {limit}")
    pays, gain, why = paid(verdict, verdict.bytes_ratio)
    keep = alike and pays
    sentence = f"{said(keep)}: {gain}, {told} {limit}{why if alike else '; too far from the file'}"
    return replace(verdict, keep=keep, sentence=sentence)


def paid(verdict: Verdict, bytes_ratio: float) -> tuple[bool, str, str]:
    """(whether it pays, its speed, or by proxy its weight, what else is to be said)."""
    light, share = bytes_ratio <= LIGHTER, f"{abs(1 - bytes_ratio):.0%} {'lighter' if bytes_ratio < 1 else 'heavier'}"
    if verdict.proxy or verdict.ratio is None:
        return light, share, UNCLOCKED if light else f"; less than {1 - LIGHTER:.0%} lighter{UNCLOCKED}"
    ratio = timing.Ratio(**verdict.ratio)
    faster = ratio.high < FASTER
    pays = faster or (light and ratio.low <= 1 <= ratio.high)
    speed = f"{ratio.median:.2f}x the time [{ratio.low:.2f}, {ratio.high:.2f}] in {verdict.runtime}"
    return pays, speed, "; not faster" if not pays else "" if faster else f"; {share}"


def near(cosine: float, channel: float, least: float) -> bool:
    """The rule: an output is as near as was asked, and none of its channels lost."""
    return cosine >= least and channel >= slack(least)


def slack(least: float) -> float:
    """What a channel must reach where its output must reach `least`."""
    return max(0.0, 1 - SLACK * (1 - least))
