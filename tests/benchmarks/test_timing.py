import ast
import inspect
import sys

import pytest

from benchmarks import machine, timing
from benchmarks.timing import Series, TimingError, measure, medians, percentile, ratio, single_stream, summary


class Clock:
    """A clock that moves only when told; every callable made by `call` takes the given ms in turn."""

    def __init__(self):
        self.now = 0.0
        self.called = []

    def __call__(self):
        return self.now

    def call(self, name, *durations):
        turn = iter(range(10**9))

        def body():
            self.called.append(name)
            self.now += durations[min(next(turn), len(durations) - 1)] / 1e3

        return body


def constant(name, *rounds):
    return Series(name, tuple((ms,) * 3 for ms in rounds))


def test_every_round_calls_each_callable_as_often_as_fits_the_seconds():
    clock = Clock()
    found = measure({"a": clock.call("a", 2), "b": clock.call("b", 7)}, rounds=4, seconds=0.0205, clock=clock)
    assert [len(calls) for calls in found["a"].rounds] == [10] * 4
    assert [len(calls) for calls in found["b"].rounds] == [2] * 4
    assert found["a"].rounds[0] == pytest.approx([2.0] * 10)


def test_a_call_longer_than_a_round_is_still_timed_once():
    clock = Clock()
    found = measure({"slow": clock.call("slow", 900)}, rounds=2, clock=clock)
    assert [len(calls) for calls in found["slow"].rounds] == [1, 1]


def test_everything_is_warm_before_the_first_round_and_warm_up_is_not_counted():
    clock = Clock()
    calls = {"a": clock.call("a", 5000, 100, 10, 50, 50, 10), "b": clock.call("b", 50)}
    found = measure(calls, rounds=1, warmup=5, seconds=0.0505, clock=clock)
    assert clock.called[:10] == ["a"] * 5 + ["b"] * 5
    assert found["a"].rounds == (pytest.approx((10.0,) * 5),)


def test_the_order_varies_between_rounds_and_returns_with_the_seed():
    def order(seed):
        clock = Clock()
        measure({n: clock.call(n, 60) for n in "abc"}, rounds=12, warmup=1, clock=clock, seed=seed)
        return ["".join(clock.called[i : i + 3]) for i in range(3, 39, 3)]

    assert order(0) == order(0) != order(1)
    assert len(set(order(0))) > 1
    assert all(sorted(one) == ["a", "b", "c"] for one in order(0))


def test_an_outlier_stays():
    clock = Clock()
    found = measure({"a": clock.call("a", 60, 60, 5000, 60)}, rounds=3, warmup=1, clock=clock)
    assert [ms for calls in found["a"].rounds for ms in calls] == pytest.approx([60, 5000, 60])


def test_a_callable_that_takes_no_time_ends():
    found = measure({"a": lambda: None}, rounds=1, warmup=1, seconds=1e-4, clock=lambda: 0.0)
    assert len(found["a"].rounds[0]) == 100


@pytest.mark.parametrize("asked", [{"calls": {}}, {"rounds": 0}, {"warmup": 0}])
def test_nothing_to_measure_is_refused(asked):
    with pytest.raises(TimingError, match="at least one of each"):
        measure(**{"calls": {"a": int}, **asked})


def test_percentiles_run_over_all_calls_and_are_interpolated():
    series = Series("a", ((4.0, 1.0), (3.0, 2.0, 5.0)))
    assert [percentile(series, q) for q in (0, 50, 75, 90, 100)] == pytest.approx([1, 3, 4, 4.6, 5])
    assert medians(series) == (2.5, 3.0)


def test_a_summary_gives_the_spread_between_rounds_not_within_them():
    within = summary(Series("a", ((1.0, 3.0), (1.0, 3.0))))
    between = summary(constant("a", 1.0, 2.0, 3.0, 4.0, 5.0))
    assert within["spread"] == 0
    assert between == pytest.approx({"p50": 3, "p90": 5, "p99": 5, "mean": 3, "min": 1, "calls": 15, "spread": 2 / 3})


def test_a_drift_that_both_share_leaves_the_ratio_alone():
    drift = [1.0, 1.5, 3.0, 2.0, 1.2]
    child, parent = constant("c", *(0.5 * ms for ms in drift)), constant("p", *drift)
    assert ratio(child, parent) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_holds_the_median_and_narrows_with_rounds():
    def width(rounds):
        child = constant("c", *(0.8 + 0.01 * (i * 7 % 11) for i in range(rounds)))
        found = ratio(child, constant("p", *[1.0] * rounds), resamples=500)
        assert found.low <= found.median <= found.high
        return found.high - found.low

    assert 0 < width(110) < width(11)


def test_the_interval_is_the_same_for_the_same_seed():
    child = constant("c", *(0.8 + 0.013 * (i * 5 % 9) for i in range(9)))
    parent = constant("p", *[1.0] * 9)
    assert ratio(child, parent, seed=3) == ratio(child, parent, seed=3)


def test_series_of_different_rounds_are_not_compared():
    with pytest.raises(TimingError, match="3 rounds against 2"):
        ratio(constant("c", 1, 1, 1), constant("p", 1, 1))


def test_a_parent_that_took_no_time_gives_no_ratio():
    with pytest.raises(TimingError, match="round of 0 ms"):
        ratio(constant("c", 1, 1), constant("p", 1, 0))


@pytest.mark.parametrize("travels", [timing, machine])
def test_what_travels_to_a_board_is_python_3_6_and_standard_library(travels):
    tree = ast.parse(inspect.getsource(travels), feature_version=(3, 6))
    names = [n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in ast.walk(tree)
             if isinstance(n, ast.Import | ast.ImportFrom)]  # fmt: skip
    assert names
    assert {str(name).split(".")[0] for name in names} <= sys.stdlib_module_names - {
        "dataclasses",
        "__future__",
    }


def test_one_call_gives_its_result_and_what_it_took():
    clock = Clock()
    call = clock.call("a", 12.5)
    assert timing.once(lambda: (call(), "found")[1], clock) == ("found", pytest.approx(12.5))
    assert clock.called == ["a"]


def stream(*ms, **asked):
    clock = Clock()
    return clock, single_stream(clock.call("q", *ms), clock=clock, warmup=1, **asked)


def test_a_single_stream_asks_until_there_were_enough_queries():
    clock, found = stream(50, 1, queries=100, seconds=0.01)
    assert found["calls"] == 100
    assert len(clock.called) == 101
    assert found["seconds"] == pytest.approx(0.1)
    assert found["p90"] == pytest.approx(1.0)


def test_a_single_stream_asks_until_enough_seconds_passed():
    _, found = stream(2, queries=5, seconds=0.0999)
    assert found["calls"] == 50


def test_the_90th_percentile_of_a_stream_is_that_of_its_queries():
    _, found = stream(1, *range(1, 102), queries=101, seconds=0.0)
    assert (found["p50"], found["p90"], found["p99"]) == pytest.approx((51, 91, 100))


@pytest.mark.parametrize(("ms", "ruled"), [(600_000 / 1024, True), (500, False)])
def test_the_rule_wants_both_queries_and_minutes(ms, ruled):
    _, found = stream(ms, seconds=0.0)
    assert found["calls"] == timing.STREAM_QUERIES
    assert timing.by_the_rule(found) == ruled
    assert not timing.by_the_rule({**found, "calls": 1023.0})


def test_a_stream_of_nothing_is_refused():
    with pytest.raises(TimingError, match="got 0 queries"):
        single_stream(print, queries=0)
