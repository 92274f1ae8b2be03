"""The proof's figures."""

from __future__ import annotations

import pytest

from mfast_edge.proof import swung


@pytest.mark.parametrize(("spread", "ends"), [(0.0, (2.0, 2.0)), (0.5, (1.5, 2.5)), (3.0, (0.0, 5.0))])
def test_a_time_swings_by_half_its_spread_and_is_never_negative(spread: float, ends: tuple[float, float]) -> None:
    assert swung(2.0, spread) == pytest.approx(ends)
