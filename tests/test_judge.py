"""The judge's rule, in numbers."""

from __future__ import annotations

import pytest

from benchmarks.timing import Ratio
from mfast_edge.judge import Verdict, settle, weighed

LOSS = {"points": 0.4, "low": -0.2, "high": 1.0}


@pytest.mark.parametrize(
    ("ratio", "bytes_ratio", "loss", "keep"),
    [
        (Ratio(0.90, 0.88, 0.97), 1.0, LOSS, True),  # clearly faster
        (Ratio(0.97, 0.95, 0.99), 1.0, LOSS, False),  # perhaps faster
        (Ratio(1.00, 0.98, 1.02), 0.85, LOSS, True),  # as fast and lighter
        (Ratio(1.00, 0.98, 1.02), 0.95, LOSS, False),  # as fast, hardly lighter
        (Ratio(1.05, 1.03, 1.07), 0.25, LOSS, False),  # lighter but slower
        (Ratio(0.50, 0.49, 0.51), 0.25, {**LOSS, "points": 1.1}, False),  # over the budget
        (Ratio(0.50, 0.49, 0.51), 0.25, {**LOSS, "points": -2.0}, True),
    ],
)
def test_a_child_is_kept_if_it_pays_and_loses_little(
    ratio: Ratio, bytes_ratio: float, loss: dict[str, float], keep: bool
) -> None:
    assert weighed(ratio, bytes_ratio, loss, 1.0)[0] is keep


def test_another_budget_decides_anew_over_what_was_measured() -> None:
    measured = Verdict(
        "prune", "p", "c", "m", False, "", "onnxruntime", False, {}, {"points": 1.5, "low": 0.5, "high": 2.5},
        {"median": 0.7, "low": 0.6, "high": 0.8}, 0.5, True,
    )  # fmt: skip
    tight, wide = settle(measured, 1.0), settle(measured, 2.0)
    assert not tight.keep
    assert "over the budget" in tight.sentence
    assert wide.keep
    assert wide.sentence.startswith("kept: 0.70x the time [0.60, 0.80] in onnxruntime, judged as int8, 1.50 points")
