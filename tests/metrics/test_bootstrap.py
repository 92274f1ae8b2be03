import numpy as np
import pytest

from mfast_edge.metrics import bootstrap, f1
from mfast_edge.metrics.average_precision import average_precision, map_all
from mfast_edge.metrics.match import evaluate
from tests.metrics.scenes import A, B, crowd, found, truth


def hits(count: int, of: int):
    """`of` images with one object each, found in the first `count`, nothing wrong."""
    shown = [found((A, 0, 0.5)) if place < count else found() for place in range(of)]
    return evaluate([truth((A, 0))] * of, shown, 1)


def test_each_resample_draws_as_many_images_as_there_are():
    weights = bootstrap.resample(30, 200, seed=1)
    assert weights.shape == (200, 30)
    assert (weights.sum(1) == 30).all()
    assert weights.max() > 1


def test_a_model_is_as_good_as_itself():
    matches = hits(20, of=40)
    assert bootstrap.paired(matches, matches) == bootstrap.Interval(0.0, 0.0, 0.0)


def test_the_difference_has_the_sign_of_one_minus_other():
    truths, good = crowd(2)
    poor = [one._replace(boxes=one.boxes + 6) for one in good]
    one, other = evaluate(truths, good, 3), evaluate(truths, poor, 3)
    gap = bootstrap.paired(one, other, resamples=200)
    assert gap.difference == pytest.approx(average_precision(one).map50 - average_precision(other).map50)
    assert 0 < gap.low < gap.difference < gap.high
    back = bootstrap.paired(other, one, resamples=200)
    assert (back.difference, back.low, back.high) == pytest.approx((-gap.difference, -gap.high, -gap.low))


def test_pairing_makes_the_interval_narrower_than_that_of_either():
    truths, good = crowd(2)
    near = [one._replace(scores=one.scores * 0.9) for one in good]  # the same order: the same figure
    one, other = evaluate(truths, good, 3), evaluate(truths, near, 3)
    gap, alone = bootstrap.paired(one, other, resamples=200), bootstrap.interval(one, resamples=200)
    assert gap.high - gap.low < 1e-9
    assert alone.high - alone.low > 0.05


def test_the_interval_of_f1_is_that_of_the_binomial():
    # k of 100 found and nothing wrong: F1 = 2k / (k + 100), k's standard deviation being 5 at k = 50.
    spread = bootstrap.interval(hits(50, of=100), measure=bootstrap.at(0.1), resamples=2000)
    assert spread.value == pytest.approx(2 / 3)
    assert spread.low == pytest.approx(2 * 40.2 / 140.2, abs=0.009)
    assert spread.high == pytest.approx(2 * 59.8 / 159.8, abs=0.009)


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    matches = hits(20, of=40)
    one, same = (bootstrap.interval(matches, seed=3, measure=bootstrap.at(0.1)) for _ in range(2))
    assert one == same
    draws = [bootstrap.resample(40, 5, seed) for seed in (3, 4)]
    assert (draws[0] != draws[1]).any()


def test_other_figures_can_be_measured():
    matches = hits(20, of=40)
    assert bootstrap.interval(matches, measure=map_all, resamples=50).value == average_precision(matches).map
    assert bootstrap.interval(matches, measure=bootstrap.at(0.1), resamples=50).value == f1.at(matches, 0.1)


def test_resamples_without_any_truth_say_nothing():
    matches = evaluate([truth((A, 0)), truth()], [found((A, 0, 0.9)), found()], 1)
    assert bootstrap.interval(matches) == bootstrap.Spread(1.0, 1.0, 1.0)


def test_different_images_cannot_be_paired():
    with pytest.raises(AssertionError, match="2 and 3 images"):
        bootstrap.paired(hits(1, of=2), hits(1, of=3))


def test_no_truth_at_all_has_no_interval():
    assert np.isnan(bootstrap.interval(evaluate([truth()], [found((B, 0, 0.5))], 1), resamples=5).low)
