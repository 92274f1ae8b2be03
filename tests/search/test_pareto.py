import itertools

import numpy as np
import pytest

from search.pareto import FrontError, front


def brute(points, directions):
    signs = [1 if way == "minimize" else -1 for way in directions]

    def beats(a, b):
        pairs = [(s * x, s * y) for s, x, y in zip(signs, a, b, strict=True)]
        return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)

    return [i for i, p in enumerate(points) if not any(beats(q, p) for q in points)]


@pytest.mark.parametrize("directions", [
    ways for m in (1, 2, 3) for ways in itertools.product(("minimize", "maximize"), repeat=m)
])  # fmt: skip
def test_the_front_is_what_comparing_every_pair_gives(directions):
    chance = np.random.default_rng(0)
    for high in (3, 100):  # 3: many ties
        points = chance.integers(0, high, (40, len(directions))).astype(float)
        assert front(points, directions).tolist() == brute(points.tolist(), directions)


def test_equal_points_all_stay():
    assert front([[1, 2], [1, 2], [2, 2]], ("minimize", "minimize")).tolist() == [0, 1]


def test_no_points_have_an_empty_front():
    assert front(np.empty((0, 2)), ("minimize", "maximize")).tolist() == []


@pytest.mark.parametrize(
    ("points", "directions"),
    [
        ([[1, 2, 3, 4]], ("minimize", "minimize")),
        ([1.0, 2.0], ("minimize",)),
        ([[float("nan")]], ("minimize",)),
        ([[1.0]], ()),
        ([[1.0]], ("down",)),
        ([[1.0, 2.0, 3.0]], ("minimize", "minimize")),
    ],
)
def test_points_that_cannot_be_compared_are_refused(points, directions):
    with pytest.raises(FrontError, match="front: "):
        front(points, directions)
