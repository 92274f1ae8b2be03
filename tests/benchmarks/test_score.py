import pytest

from benchmarks.score import ScoreError, compute_score, interval, score, spread

GOLDEN = [
    (0.7000, 60.0000, 1.1950, 5e-4),
    (0.7005, 58.3412, 1.1732, 5e-4),
    (0.7012, 58.1225, 1.1676, 5e-4),
    (0.6986, 58.1225, 1.1804, 5e-4),
    (0.6897, 59.3327, 1.2388, 5e-4),
    (0.6936, 59.3327, 1.2195, 5e-4),
    (0.688, 84.985, 1.546, 3e-3),
    (0.653, 92.926, 1.795, 3e-3),
    (0.687, 63.078, 1.295, 3e-3),
]


@pytest.mark.parametrize(("f1", "seconds", "published", "tolerance"), GOLDEN)
def test_the_published_rows_are_reproduced(f1, seconds, published, tolerance):
    assert score(f1, seconds) == pytest.approx(published, abs=tolerance)


def test_the_reference_itself_scores_one():
    assert score(0.7, 43.162) == pytest.approx(1.0)
    assert score(0.31, 2.5, f1_ref=0.31, t_ref=2.5) == pytest.approx(1.0)


def test_neither_term_is_clamped():
    assert score(0.7, 43_162) == pytest.approx(500.5)
    assert score(1.0, 0.0) == pytest.approx(0.0024726, abs=1e-7)


def test_a_steep_slope_does_not_overflow():
    assert score(0.0, 0.0, slope=1e6) == pytest.approx(1.0)
    assert score(1.0, 0.0, slope=1e6) == pytest.approx(0.0)


def test_the_interval_pairs_the_best_quality_with_the_best_time():
    low, high = interval(0.68, 0.72, 58.1, 63.1, t_ref=43.162)
    assert (low, high) == (score(0.72, 58.1), score(0.68, 63.1))
    assert low < score(0.7, 60) < high


def test_the_servers_own_spread_of_time_is_about_five_hundredths_of_score():
    low, high = interval(0.7, 0.7, 58.1, 63.1)
    assert (high - low) / 2 == pytest.approx(0.03, abs=0.02)


def test_a_score_is_printed_with_its_interval():
    assert spread(1.195, (1.1739, 1.2321)) == "1.195 (1.174 to 1.232)"


@pytest.mark.parametrize(
    ("f1", "seconds", "options"),
    [
        (1.2, 1, {}),
        (-0.1, 1, {}),
        (float("nan"), 1, {}),
        (0.5, -1, {}),
        (0.5, float("inf"), {}),
        (0.5, 1, {"t_ref": 0}),
        (0.5, 1, {"f1_ref": 70}),
    ],
)
def test_a_figure_out_of_range_is_refused(f1, seconds, options):
    with pytest.raises(ScoreError, match=r"between 0 and 1|finite number"):
        score(f1, seconds, **options)


@pytest.mark.parametrize(
    ("f1", "macs", "expected"),
    [
        (0.8342, 13_863_553, 1.0),
        (0.4171, 0, 1.0),  # below 0.5: counts as nothing
        (0.49999, 13_863_553, 2.0),
        (0.5, 0, 1 - 0.5 / 0.8342),
        (0.9, 0, (1 - 0.9 / 0.8342) / 2),  # halved, and negative
    ],
)
def test_the_first_generation_score_counts_macs(f1, macs, expected):
    assert compute_score(f1, macs) == pytest.approx(expected)


def test_negative_macs_are_refused():
    with pytest.raises(ScoreError, match="MACs"):
        compute_score(0.8, -1)
