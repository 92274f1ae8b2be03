"""What lies next to what was tried."""

import numpy as np

from search.grid import MANY, make
from search.space import parse, size

SPACE = parse(
    {
        "kind": {"type": "categorical", "choices": ["a", "b"]},
        "lr": {"type": "int", "low": 0, "high": 4},
        "width": {"type": "int", "low": 1, "high": 3, "when": {"kind": ["b"]}},
    }
)


def test_the_nearest_untried_settings_are_taken():
    grid = make(SPACE)
    chance = np.random.default_rng(0)
    near = {"kind": "a", "lr": 2}
    drawn = {tuple(grid.untried([near], near, chance).values()) for _ in range(40)}
    assert drawn == {("a", 1), ("a", 3)}
    tried = [{"kind": "a", "lr": place} for place in range(5)]
    drawn = {tuple(grid.untried(tried, near, chance).values()) for _ in range(60)}
    assert drawn == {("b", 2, 1), ("b", 2, 2), ("b", 2, 3)}  # another kind, and a knob more


def test_without_a_proposal_all_untried_settings_are_drawn_evenly():
    grid = make(SPACE)
    chance = np.random.default_rng(0)
    tried = [{"kind": "a", "lr": place} for place in range(5)]
    drawn = [tuple(grid.untried(tried, None, chance).values()) for _ in range(1500)]
    counts = np.array([drawn.count(one) for one in set(drawn)])
    assert len(counts) == 15
    assert counts.min() > 60


def test_a_space_that_is_endless_or_large_has_no_grid():
    assert make(parse({"a": {"type": "float", "low": 0, "high": 1}})) is None
    large = parse({"a": {"type": "int", "low": 0, "high": MANY}})
    assert size(large) == MANY + 1
    assert make(large) is None
