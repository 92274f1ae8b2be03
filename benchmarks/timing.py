"""Times named callables in alternating rounds. Travels to a board: Python 3.6, standard library only."""

import random
import time
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple, TypeVar

T = TypeVar("T")

# A clock cannot tell such calls apart; without a floor an empty callable would be called for ever.
SHORTEST = 1e-6

# Rounds: the interval around a ratio comes from them, and of one round it has no width. With fewer nothing is decided.
FEWEST = 5

# MLPerf Inference's rule for the single-stream scenario: so many queries at least, and (loadgen's mlperf.conf since
# v1.0; 60 s before) so many seconds at least; what counts is the 90th percentile.
STREAM_QUERIES = 1024
STREAM_SECONDS = 600.0


class TimingError(ValueError):
    """Nothing can be measured, or nothing can be said of what was measured, as asked."""


class Series(NamedTuple):
    """Milliseconds per call of one callable: one tuple per round, nothing left out."""

    name: str
    rounds: Tuple[Tuple[float, ...], ...]


class Ratio(NamedTuple):
    """Child over parent, round by round: the median and the 95 % bootstrap interval of that median."""

    median: float
    low: float
    high: float


def measure(  # noqa: PLR0913 - a dataclass is newer than Python 3.6, and the clock is an argument
    calls: Dict[str, Callable[[], object]],
    rounds: int = 30,
    warmup: int = 5,
    seconds: float = 0.05,
    clock: Callable[[], float] = time.perf_counter,
    seed: int = 0,
) -> Dict[str, Series]:
    """Warm every callable up, then time each of them in every round, in an order shuffled by `seed`.

    A callable is called as often per round as fits `seconds` (at least once): the count follows from its
    fastest warm-up call and stays, so all rounds are alike. `clock` gives seconds. Callables synchronise
    themselves. Raises TimingError if there is nothing to call, no round or no warm-up call.
    """
    if not calls or rounds < 1 or warmup < 1:
        given = "{} callables, {} rounds, {} warm-up calls".format(len(calls), rounds, warmup)
        raise TimingError("measure: got {}; wanted at least one of each".format(given))
    warm = {name: min(_burst(call, warmup, clock)) / 1e3 for name, call in calls.items()}
    counts = {name: max(1, int(seconds / max(took, SHORTEST))) for name, took in warm.items()}
    taken = {name: [] for name in calls}  # type: Dict[str, List[Tuple[float, ...]]]
    order, chance = list(calls), random.Random(seed)
    for _ in range(rounds):
        chance.shuffle(order)
        for name in order:
            taken[name].append(_burst(calls[name], counts[name], clock))
    return {name: Series(name, tuple(taken[name])) for name in calls}


def once(call: Callable[[], T], clock: Callable[[], float] = time.perf_counter) -> Tuple[T, float]:
    """Return what one call gives and the ms that it took: a remark beside a result, never a comparison."""
    start = clock()
    given = call()
    return given, (clock() - start) * 1e3


def single_stream(
    call: Callable[[], object],
    queries: int = STREAM_QUERIES,
    seconds: float = STREAM_SECONDS,
    warmup: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> Dict[str, float]:
    """Return p50, p90, p99, mean and min in ms of queries that each start as soon as the last was answered.

    It ends once there were at least `queries` and at least `seconds` passed (MLPerf Inference, single-stream);
    `calls` and `seconds` say how many and how long. Raises TimingError for no query or no warm-up call.
    """
    if queries < 1 or warmup < 1:
        given = "{} queries, {} warm-up calls".format(queries, warmup)
        raise TimingError("single_stream: got {}; wanted at least one of each".format(given))
    _burst(call, warmup, clock)
    taken = []  # type: List[float]
    before = begin = clock()
    while len(taken) < queries or before - begin < seconds:
        call()
        now = clock()
        taken.append((now - before) * 1e3)
        before = now
    found = {"p{}".format(q): _quantile(taken, q / 100) for q in (50, 90, 99)}
    found.update(mean=sum(taken) / len(taken), min=min(taken), calls=float(len(taken)), seconds=before - begin)
    return found


def by_the_rule(stream: Dict[str, float]) -> bool:
    """Whether what single_stream found was long enough for MLPerf's rule."""
    return stream["calls"] >= STREAM_QUERIES and stream["seconds"] >= STREAM_SECONDS


def medians(series: Series) -> Tuple[float, ...]:
    """Return the median of each round, in ms."""
    return tuple(_quantile(calls, 0.5) for calls in series.rounds)


def percentile(series: Series, q: float) -> float:
    """Return the q-th percentile (0..100) over all calls of all rounds, in ms, interpolated linearly."""
    return _quantile(_calls(series), q / 100)


def summary(series: Series) -> Dict[str, float]:
    """Return p50, p90, p99, mean and min in ms, calls, and spread.

    Spread is the interquartile range of the round medians over their median: how far the machine
    wandered between rounds, as a share.
    """
    calls, middles = _calls(series), medians(series)
    middle = _quantile(middles, 0.5)
    wander = _quantile(middles, 0.75) - _quantile(middles, 0.25)
    found = {"p{}".format(q): percentile(series, q) for q in (50, 90, 99)}
    found.update(mean=sum(calls) / len(calls), min=min(calls), calls=float(len(calls)))
    found["spread"] = wander / middle if middle else 0.0
    return found


def ratio(child: Series, parent: Series, seed: int = 0, resamples: int = 2000) -> Ratio:
    """Return the ratio child/parent of the round medians; both must come from the same rounds.

    The interval resamples rounds, so a drift that both shared cancels. Raises TimingError if the numbers
    of rounds differ, or a round of the parent took no time.
    """
    if len(child.rounds) != len(parent.rounds):
        counts = "{} rounds against {}".format(len(child.rounds), len(parent.rounds))
        raise TimingError("ratio: {}; measure both in one call".format(counts))
    pairs = list(zip(medians(child), medians(parent)))  # noqa: B905 - strict= is newer; checked above
    if not pairs or any(base <= 0 for _, base in pairs):
        raise TimingError("ratio: {} has a round of 0 ms, or none; time longer calls".format(parent.name))
    ratios, chance = [mine / base for mine, base in pairs], random.Random(seed)
    drawn = [_quantile(chance.choices(ratios, k=len(ratios)), 0.5) for _ in range(resamples)]
    return Ratio(_quantile(ratios, 0.5), _quantile(drawn, 0.025), _quantile(drawn, 0.975))


def _burst(call: Callable[[], object], count: int, clock: Callable[[], float]) -> Tuple[float, ...]:
    taken = []
    for _ in range(count):
        start = clock()
        call()
        taken.append((clock() - start) * 1e3)
    return tuple(taken)


def _calls(series: Series) -> List[float]:
    return [took for calls in series.rounds for took in calls]


def _quantile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    if not ordered:
        raise TimingError("quantile: got no call; measure at least one")
    place = q * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
