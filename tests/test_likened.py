"""The rule over graphs whose decoder nobody knows."""

from __future__ import annotations

import pytest

from mfast_edge.likened import likened
from mfast_edge.verdict import Verdict

SOONER = {"median": 0.5, "low": 0.4, "high": 0.6}
LATER = {"median": 2.0, "low": 1.9, "high": 2.1}
UNKNOWN = "how fast it is the board must say"


def verdict(ratio: dict[str, float] | None, weight: float | None, cosine: float, proxy: bool) -> Verdict:
    same = {"cosine": cosine, "channel": cosine, "max_abs": 0.1, "images": 6.0}
    return Verdict(
        "quantize", "p", "c", "here", False, "", "onnxruntime", proxy, {}, None, ratio, weight, parity=same, ms=5.0
    )


@pytest.mark.parametrize(
    ("weight", "cosine", "keep", "said"),
    [
        (0.3, 0.995, True, f"kept: 70% lighter, cosine 0.99500*must); {UNKNOWN}"),
        (0.95, 0.995, False, f"rolled back: 5% lighter, cosine*; less than 10% lighter; {UNKNOWN}"),
        (1.48, 0.995, False, f"rolled back: 48% heavier, cosine*; less than 10% lighter; {UNKNOWN}"),
        (0.3, 0.9, False, "rolled back: 70% lighter, cosine*; too far from the file"),
        (None, 0.995, False, "rolled back: cosine*(at least 0.99999 and 0.9999 must)"),
    ],
)
@pytest.mark.parametrize("ratio", [None, SOONER, LATER])  # versions before this rule stored what a CPU's clock said
def test_of_a_device_that_is_not_here_bytes_and_likeness_decide(
    ratio: dict[str, float] | None, weight: float | None, cosine: float, keep: bool, said: str
) -> None:
    found = likened(verdict(ratio, weight, cosine, proxy=True), 0.99)
    start, _, end = said.partition("*")
    assert found.keep is keep
    assert found.sentence.startswith(start)
    assert found.sentence.endswith(end)
    assert "the time" not in found.sentence


@pytest.mark.parametrize(
    ("ratio", "weight", "cosine", "said"),
    [
        (SOONER, 0.3, 0.995, "kept: 0.50x the time [0.40, 0.60] in onnxruntime, cosine*must)"),
        ({"median": 1.0, "low": 0.9, "high": 1.1}, 0.3, 0.995, "kept: 1.00x the time*; 70% lighter"),
        (LATER, 0.3, 0.995, "rolled back: 2.00x the time*; not faster"),
        (SOONER, 0.3, 0.9, "rolled back: 0.50x the time*; too far from the file"),
    ],
)
def test_on_the_device_itself_its_clock_decides(
    ratio: dict[str, float], weight: float, cosine: float, said: str
) -> None:
    found = likened(verdict(ratio, weight, cosine, proxy=False), 0.99)
    start, _, end = said.partition("*")
    assert found.keep is said.startswith("kept")
    assert found.sentence.startswith(start)
    assert found.sentence.endswith(end)
