"""The composite score of accuracy and time: lower is better, the reference itself scores 1."""

import math


class ScoreError(ValueError):
    """A figure that cannot be scored."""


def score(  # noqa: PLR0913 - the published formula's own parameters
    f1: float,
    seconds: float,
    *,
    f1_ref: float = 0.7,
    t_ref: float = 43.162,
    weight: float = 0.5,
    slope: float = 20.0,
) -> float:
    """Return weight * seconds / t_ref + sigmoid(slope * (f1_ref - f1)); neither term is clamped.

    `f1` and `f1_ref` are macro F1 as shares, `seconds` and `t_ref` in the same unit. The defaults are
    the published constants. Raises ScoreError for a figure outside its range.
    """
    _share("f1", f1)
    _share("f1_ref", f1_ref)
    _duration(seconds, t_ref)
    return weight * seconds / t_ref + _sigmoid(slope * (f1_ref - f1))


def interval(
    f1_low: float, f1_high: float, seconds_low: float, seconds_high: float, **constants: float
) -> tuple[float, float]:
    """Return the best and the worst score within the intervals of f1 and of time.

    `constants` are score's own (f1_ref, t_ref, weight, slope).
    """
    best = score(f1_high, seconds_low, **constants)
    return best, score(f1_low, seconds_high, **constants)


def spread(value: float, bounds: tuple[float, float]) -> str:
    """Return a score as it is printed, with its interval: `1.195 (1.174 to 1.232)`."""
    return f"{value:.3f} ({bounds[0]:.3f} to {bounds[1]:.3f})"


def compute_score(f1: float, macs: float, *, f1_ref: float = 0.8342, macs_ref: float = 13_863_553) -> float:
    """Return the first-generation score: multiply-accumulates of one inference instead of time.

    macs / macs_ref + (1 - f1 / f1_ref), the second term halved once f1 >= f1_ref; an f1 below 0.5 counts
    as 0. May be negative. Raises ScoreError for a figure outside its range.
    """
    _share("f1", f1)
    _share("f1_ref", f1_ref)
    if f1_ref == 0 or not (math.isfinite(macs) and macs >= 0 and macs_ref > 0):
        raise ScoreError(f"score: got {macs} MACs; references and MACs must be positive, finite numbers")
    quality = 1 - (f1 if f1 >= 0.5 else 0.0) / f1_ref
    return macs / macs_ref + (quality / 2 if f1 >= f1_ref else quality)


def _share(what: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ScoreError(f"score: {what} is {value}; it is a share between 0 and 1")


def _duration(seconds: float, t_ref: float) -> None:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ScoreError(f"score: the time is {seconds}; it is a finite number of seconds, not below 0")
    if not (math.isfinite(t_ref) and t_ref > 0):
        raise ScoreError(f"score: t_ref is {t_ref}; it is a finite number of seconds above 0")


def _sigmoid(x: float) -> float:
    # exp of a positive number may overflow.
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
