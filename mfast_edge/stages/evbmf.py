"""How many directions of a matrix rise above its noise: empirical variational Bayes, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

GRID, ROUNDS = 200, 4  # noise levels that are tried, and how often the search narrows down to the best
LARGE = 1 << 24  # values of a matrix whose singular values are the roots of its products' eigenvalues
ROUNDING = 1e-7  # of the largest singular value: less is float32's own noise


@dataclass(frozen=True, slots=True)
class Estimate:
    """The rank, the noise's variance, and the singular values without the noise, largest first."""

    rank: int
    variance: float
    values: np.ndarray


def evbmf(matrix: np.ndarray) -> Estimate:
    """The global solution of empirical variational Bayesian matrix factorisation with unknown noise.

    Nakajima, Sugiyama, Babacan, Tomioka: Global analytic solution of fully-observed variational Bayesian
    matrix factorization, JMLR 14 (2013): theorem 2 (values), theorem 3 and corollary 1 (the noise's variance).
    """
    low, high = sorted(matrix.shape)
    values = singular(matrix.astype(np.float64))
    if not values.any():
        return Estimate(0, 0.0, np.zeros(0))
    variance = noise(values, low, high)
    floor = max(sqrt(variance * high * threshold(low / high)), values[0] * ROUNDING)
    kept = values[values > floor]
    return Estimate(len(kept), variance, shrunk(kept, low, high, variance))


def singular(matrix: np.ndarray) -> np.ndarray:
    """Singular values, largest first.

    Of a large matrix by its smaller side's products, a minute instead of many for (4096, 50176): values below 1e-8 of
    the largest are then noise, which is less than float32's.
    """
    if matrix.size < LARGE:
        return np.linalg.svd(matrix, compute_uv=False)
    low = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    found: np.ndarray = np.sqrt(np.maximum(np.linalg.eigvalsh(low @ low.T), 0))[::-1]
    return found


def threshold(alpha: float) -> float:
    """x̄: the least γ²/(Mσ²) of a direction that is kept (equation 25 with τ̄ ≈ 2.5129 √α)."""
    tau = 2.5129 * sqrt(alpha)
    return (1 + tau) * (1 + alpha / tau)


def shrunk(values: np.ndarray, low: int, high: int, variance: float) -> np.ndarray:
    """Singular values less what the noise adds to them (equation 22)."""
    rest = 1 - (low + high) * variance / values**2
    return values / 2 * (rest + np.sqrt(np.maximum(rest**2 - 4 * low * high * variance**2 / values**4, 0)))


def noise(values: np.ndarray, low: int, high: int) -> float:
    """σ² of the least free energy between the bounds of theorem 3; found on a logarithmic grid, then finer."""
    alpha = low / high
    most = min(ceil(low / (1 + alpha)) - 1, low - 1)  # as many directions can be kept
    rest = values[most:] ** 2
    least = max(float(rest[0]) / (high * threshold(alpha)), float(rest.mean()) / high)
    top = float((values**2).sum()) / (low * high)
    if least <= top * 1e-12:
        return least  # no noise at all: the matrix has no more than `most` directions
    left, right = np.log(min(least, top)), np.log(top)
    for _ in range(ROUNDS):
        tried = np.linspace(left, right, GRID)
        best = int(np.argmin([energy(values, np.exp(one), high, alpha) for one in tried]))
        left, right = tried[max(0, best - 1)], tried[min(GRID - 1, best + 1)]
    return float(np.exp((left + right) / 2))


def energy(values: np.ndarray, variance: float, high: int, alpha: float) -> float:
    """The free energy as a function of the noise's variance, up to a constant (equation 30)."""
    x = values**2 / (high * variance)
    kept = x[x > threshold(alpha)]
    middle = kept - (1 + alpha)
    tau = (middle + np.sqrt(np.maximum(middle**2 - 4 * alpha, 0))) / 2
    bent = np.log(tau + 1) + alpha * np.log(tau / alpha + 1) - tau
    x = np.maximum(x, 1e-300)  # a direction that is exactly 0
    return float((x - np.log(x)).sum() + bent.sum())
