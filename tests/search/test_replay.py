"""The simulated clock of a replayed search, and when searching pays."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from search.replay import CHANCE, Row, Table, Way, efficiency, reached, replay
from search.space import parse, point, size
from search.study import StudyError

SPACE = parse(
    {
        "model.size": {"type": "int", "low": 96, "high": 192, "step": 32},
        "model.width": {"type": "int", "low": 1, "high": 5},
        "train.lr": {"type": "int", "low": 0, "high": 4},
        "train.policy": {"type": "categorical", "choices": ["none", "rand"]},
    }
)


def table(quality, noise=0.0, limits=None):
    """Eight steps that rise to the quality; the larger, the slower, and the more ms."""
    chance = np.random.default_rng(0)
    rows = []
    for number in range(size(SPACE)):
        params = point(SPACE, number)
        last = quality(params, chance)
        load = params["model.width"] * (params["model.size"] / 128) ** 2
        rises = (1 - np.exp(-0.5 * np.arange(1, 9))) / (1 - math.exp(-4))
        curve = tuple((last * rises + noise * chance.standard_normal(8)).tolist())
        rows.append(Row(params, curve, (2.0 + load,) * 8, last, 1.0, {"ms": load}))
    return Table(SPACE, tuple(rows), "maximize", limits=limits or {})


def smooth(params, chance):
    away = abs(params["train.lr"] - 3) / 4 + abs(params["model.width"] - 4) / 4 + abs(params["model.size"] - 160) / 96
    return 0.9 - 0.1 * away - 0.05 * (params["train.policy"] == "none")


def lottery(params, chance):
    return chance.random()


def test_the_clock_counts_what_a_search_of_everything_trains():
    told = replay(table(smooth), CHANCE, 0)
    assert told[-1][0] == pytest.approx(sum(row.cost for row in table(smooth).rows))
    assert len(told) == 200
    assert told[-1][1] == 0.9
    assert all(one[0] < other[0] and one[1] <= other[1] for one, other in itertools.pairwise(told))


def test_what_is_over_a_limit_never_counts_and_costs_no_training_where_it_is_rejected():
    strict = table(smooth, limits={"ms": 3.0})
    allowed = [row for row in strict.rows if row.facts["ms"] <= 3.0]
    assert len(allowed) == 100
    for reject in (True, False):
        told = replay(strict, Way("random", "none", reject), 0)
        trained = sum(row.cost if row in allowed or not reject else row.before for row in strict.rows)
        assert max(spent for spent, _ in told) <= trained
        assert len(told) == len(allowed)
        assert told[-1][1] == max(row.value for row in allowed)
    assert strict.target(0.02) <= max(row.value for row in allowed)


def test_a_pruned_trial_costs_the_steps_that_it_took():
    given_up = replay(table(smooth), Way("random", "asha"), 0)
    assert len(given_up) < 100
    assert given_up[-1][0] < 0.6 * replay(table(smooth), CHANCE, 0)[-1][0]


def test_a_search_ends_where_it_meets_its_target():
    goal = table(smooth).target(0.02)
    told = replay(table(smooth), CHANCE, 1, goal)
    assert told[-1][1] >= goal
    assert all(best < goal for _, best in told[:-1])
    assert reached(table(smooth), CHANCE, 1, goal) == told[-1][0]


def test_searching_pays_where_there_is_something_to_learn():
    found = efficiency(table(smooth, noise=0.005), range(6))
    assert found.high < 0.5
    assert found.low <= found.ratio <= found.high


def test_a_sampler_learns_nothing_from_a_lottery():
    found = efficiency(table(lottery), range(8), Way("tpe", "none", reject=False))
    assert found.low < 1.2
    assert found.high > 0.6


def test_random_search_is_as_good_as_itself():
    assert efficiency(table(lottery), range(5), CHANCE).ratio == 1.0


def test_a_search_that_gives_up_what_it_looks_for_is_charged_for_it():
    """The best settings begin worst: who prunes never sees them."""
    plain = table(smooth)
    best = max(plain.rows, key=lambda row: row.value)
    late = replace(best, curve=(*(-1.0,) * 7, best.value))
    trap = replace(plain, rows=tuple(late if row is best else row for row in plain.rows))
    found = efficiency(trap, range(2), Way("random", "median"), share=0.001)
    assert found.missed >= 1
    assert found.ratio > 1


def test_a_table_that_lacks_settings_is_refused():
    whole = table(smooth)
    with pytest.raises(StudyError, match="holds 199 settings in 199 rows, its space 200"):
        efficiency(replace(whole, rows=whole.rows[1:]), range(2))
    with pytest.raises(StudyError, match="holds 199 settings in 200 rows"):
        efficiency(replace(whole, rows=(whole.rows[1], *whole.rows[1:])), range(2))
    other = replace(whole.rows[0], params={**whole.rows[0].params, "train.lr": 9})
    with pytest.raises(StudyError, match="no row for"):
        efficiency(replace(whole, rows=(other, *whole.rows[1:])), range(2))
    with pytest.raises(StudyError, match="no row is within the limits"):
        efficiency(replace(whole, limits={"ms": 0.1}), range(2))
