"""EVBMF: matrices of known rank and noise; a minimum that no other noise level beats."""

from __future__ import annotations

import numpy as np
import pytest

from mfast_edge.stages.evbmf import energy, evbmf, threshold


def noisy(shape: tuple[int, int], rank: int, deviation: float, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    signal = chance.normal(size=(shape[0], rank)) @ chance.normal(size=(rank, shape[1]))
    return signal + deviation * chance.normal(size=shape)


@pytest.mark.parametrize("shape", [(50, 80), (80, 50), (64, 576), (100, 100)])
@pytest.mark.parametrize("rank", [1, 5, 10])
@pytest.mark.parametrize("deviation", [0.1, 1.0])
def test_rank_and_noise_of_a_synthetic_matrix_are_found(shape: tuple[int, int], rank: int, deviation: float) -> None:
    found = evbmf(noisy(shape, rank, deviation))
    assert found.rank == rank
    assert np.sqrt(found.variance) == pytest.approx(deviation, rel=0.06)


def test_a_rank_of_two_fifths_is_found_and_the_noise_taken_for_larger_than_it_is() -> None:
    """Directions that are kept hide their share of the noise, so the energy's minimum lies above the truth."""
    found = evbmf(noisy((50, 80), 20, 0.1))
    assert found.rank == 20
    assert 0.1 < np.sqrt(found.variance) < 0.12


def test_pure_noise_has_no_rank() -> None:
    assert [evbmf(noisy((40, 90), 0, 1.0, seed)).rank for seed in range(5)] == [0] * 5


def test_a_signal_below_the_noise_is_not_seen() -> None:
    """x̄ is where a direction begins to be kept: γ² = x̄ M σ²."""
    chance, (low, high) = np.random.default_rng(0), (60, 120)
    left, right = (np.linalg.qr(chance.normal(size=(side, 1)))[0] for side in (low, high))
    noise = chance.normal(size=(low, high))
    edge = np.sqrt(threshold(low / high) * high)
    assert evbmf(noise + 0.5 * edge * left @ right.T).rank == 0
    assert evbmf(noise + 1.5 * edge * left @ right.T).rank == 1


def test_a_matrix_without_noise_keeps_its_rank() -> None:
    assert evbmf(noisy((30, 20), 8, 0.0)).rank == 8
    assert evbmf(noisy((30, 20), 8, 0.0).astype(np.float32)).rank == 8
    assert evbmf(np.zeros((4, 6))).rank == 0


def test_values_come_back_without_the_noise() -> None:
    matrix = noisy((64, 576), 5, 0.5)
    clean = np.linalg.svd(noisy((64, 576), 5, 0.0), compute_uv=False)[:5]
    found = evbmf(matrix).values
    raw = np.linalg.svd(matrix, compute_uv=False)[:5]
    assert (found < raw).all()
    assert np.abs(found - clean).max() < np.abs(raw - clean).max() + 1.0
    assert np.isfinite(found).all()


def test_no_other_noise_level_has_less_energy() -> None:
    matrix = noisy((50, 200), 10, 0.7)
    values = np.linalg.svd(matrix, compute_uv=False)
    best = energy(values, evbmf(matrix).variance, 200, 0.25)
    assert all(best <= energy(values, 0.49 * factor, 200, 0.25) + 1e-6 for factor in np.geomspace(0.2, 5, 50))


def test_a_large_matrix_has_the_same_rank_by_the_products_of_its_smaller_side(monkeypatch: pytest.MonkeyPatch) -> None:
    for shape in ((40, 300), (300, 40)):
        matrix = noisy(shape, 5, 0.1)
        wanted = evbmf(matrix)
        with monkeypatch.context() as patch:
            patch.setattr("mfast_edge.stages.evbmf.LARGE", 1)
            found = evbmf(matrix)
        assert found.rank == wanted.rank == 5
        np.testing.assert_allclose(found.values, wanted.values, rtol=1e-6)
