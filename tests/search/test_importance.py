"""Which settings decide an answer: those that do, and nothing where too few trials tell."""

from __future__ import annotations

import numpy as np

from search.importance import FEWEST, importances
from search.space import parse

SPACE = parse(
    {
        "decides": {"type": "float", "low": 0.0, "high": 1.0},
        "idle": {"type": "float", "low": 0.0, "high": 1.0},
        "word": {"type": "categorical", "choices": ["a", "b"]},
        "under": {"type": "int", "low": 1, "high": 4, "when": {"word": ["a"]}},
    }
)


def drawn(count: int) -> list[dict[str, float | int | str]]:
    chance = np.random.default_rng(1)
    found: list[dict[str, float | int | str]] = []
    for _ in range(count):
        word = "ab"[chance.integers(2)]
        under = {"under": int(chance.integers(1, 5))} if word == "a" else {}
        found.append({"decides": float(chance.random()), "idle": float(chance.random()), "word": word, **under})
    return found


def test_the_setting_that_decides_has_the_largest_share() -> None:
    params = drawn(60)
    values = [float(one["decides"]) ** 2 for one in params]
    for way, sign in (("minimize", 1), ("maximize", -1)):
        found = importances(SPACE, params, [sign * value for value in values], way)
        assert max(found, key=lambda name: found[name]) == "decides"
        assert found["decides"] > 0.5
        assert abs(sum(found.values()) - 1) < 1e-9


def test_few_trials_or_equal_answers_tell_nothing() -> None:
    params = drawn(FEWEST)
    assert importances(SPACE, params[:-1], list(range(FEWEST - 1)), "minimize") == {}
    assert importances(SPACE, params, [1.0] * FEWEST, "minimize") == {}
    assert importances(SPACE, params, [float(n) for n in range(FEWEST)], "minimize")
