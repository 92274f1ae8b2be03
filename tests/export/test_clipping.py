import numpy as np
import pytest

from export.clipping import least_squares

DRAW = np.random.default_rng(0)


def counted(values: np.ndarray, bins: int = 4096) -> tuple[np.ndarray, np.ndarray]:
    reach = float(np.abs(values).max())
    return np.histogram(values, bins, range=(-reach, reach))


# Banner 2019, section 4: the best clip of a Gaussian in standard deviations, of a Laplacian in scales.
@pytest.mark.parametrize(
    ("values", "levels", "best"),
    [
        (DRAW.normal(size=400_000), 16, 2.55),
        (DRAW.normal(size=400_000), 32, 2.93),
        (DRAW.laplace(size=400_000), 16, 5.03),
        (DRAW.laplace(size=400_000), 32, 6.2),
    ],
)
def test_the_published_clips_of_known_distributions_are_found(values: np.ndarray, levels: int, best: float) -> None:
    low, high = least_squares(*counted(values), symmetric=False, levels=levels)
    # The paper's intervals have their values in the middle, ours at the ends: half a step at each end.
    assert (high - low) / 2 == pytest.approx(best * (levels - 1) / levels, rel=0.08)


def test_evenly_spread_values_are_not_cut() -> None:
    low, high = least_squares(*counted(DRAW.uniform(0, 6, 100_000)), symmetric=False)
    assert low == 0
    assert high == pytest.approx(6, rel=0.01)


def test_a_lone_outlier_is_cut_and_a_share_of_them_is_not() -> None:
    body = DRAW.uniform(0, 1, 1_000_000)
    _, alone = least_squares(*counted(np.append(body, 100.0), 1 << 16), symmetric=False)
    _, many = least_squares(*counted(np.append(body, np.full(100_000, 100.0)), 1 << 16), symmetric=False)
    assert alone < 60 < 95 < many


def test_no_other_range_has_less_error() -> None:
    values = DRAW.laplace(size=50_000)
    low, high = least_squares(*counted(values), symmetric=False)

    def error(low: float, high: float) -> float:
        step = (high - low) / 255
        zero = np.round(-low / step)
        return float((((np.clip(np.round(values / step) + zero, 0, 255) - zero) * step - values) ** 2).mean())

    assert error(low, high) < min(error(low * 1.15, high * 1.15), error(low * 0.87, high * 0.87))
    assert error(low, high) < error(float(values.min()), float(values.max()))


def test_a_symmetric_range_is_symmetric_and_holds_zero() -> None:
    low, high = least_squares(*counted(DRAW.uniform(0, 1, 10_000)), symmetric=True)
    assert low == -high < 0


def test_a_tensor_that_is_never_seen_has_no_range() -> None:
    assert least_squares(np.zeros(8), np.linspace(-1, 1, 9), symmetric=False) == (0.0, 0.0)
