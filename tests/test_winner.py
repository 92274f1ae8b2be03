"""Which trial wins: at least this quality, then fastest, then smallest."""

from __future__ import annotations

import pytest

from mfast_edge.winner import Finished, chosen

UP = {"quality": "maximize", "ms": "minimize"}


def trials(*rows: tuple[float, float, float]) -> list[Finished]:
    """Trials of quality, ms, mb."""
    return [Finished(n, {}, {"quality": q, "ms": ms, "mb": mb}) for n, (q, ms, mb) in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "least", "number", "said"),
    [
        ([(0.9, 9, 1), (0.6, 2, 1), (0.5, 1, 1)], 0.6, 1, "the fastest of 2 with a quality of at least 0.6"),
        ([(0.7, 2.00, 3), (0.6, 2.01, 1), (0.9, 2.10, 0.5)], 0.6, 1, "the smallest of 2 as fast"),
        ([(0.7, 2.0, 3), (0.8, 2.0, 3)], 0.6, 1, "the smallest of 2 as fast"),
        ([(0.3, 1, 1), (0.5, 9, 9), (0.5, 8, 9)], 0.6, 2, "no trial of 3 reached a quality of 0.6; trial 2 comes"),
        ([(0.6, 5, 5)], 0.6, 0, "the fastest of 1"),
        ([(0.7, 2, 3), (0.9, 9, 9), (0.9, 8, 9)], None, 2, "the highest quality of 3"),
    ],
)
def test_the_rule(rows: list[tuple[float, float, float]], least: float | None, number: int, said: str) -> None:
    found, why = chosen(trials(*rows), UP, least)
    assert found.id == number
    assert said in why


def test_without_a_quality_the_first_objective_decides() -> None:
    found, why = chosen(trials((0.9, 9, 1), (0.6, 2, 1)), {"ms": "minimize"}, None)
    assert found.id == 1
    assert "lowest ms of 2" in why
