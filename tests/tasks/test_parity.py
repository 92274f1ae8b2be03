import numpy as np
import pytest

from mfast_edge.tasks.parity import Parity, match
from tests.metrics.scenes import A, B, C, crowd, found


def test_a_list_matches_itself():
    _, shown = crowd(0)
    parity = match(shown, shown)
    assert parity.total == 2 * sum(int((one.scores >= 0.05).sum()) for one in shown) > 1000
    assert (parity.share, parity.matched) == (1.0, parity.total)
    assert (parity.worst_score_delta, parity.mean_iou) == (0.0, pytest.approx(1.0))


def test_what_one_side_alone_finds_counts_against_both_directions():
    one, other = found((A, 0, 0.5), (B, 0, 0.5)), found((A, 0, 0.5))
    assert match([one], [other]) == match([other], [one]) == Parity(2 / 3, 2, 3, 0.0, 1.0, 0.0)


def test_a_box_matches_only_one_box():
    twice = found((A, 0, 0.5), (A, 0, 0.5))
    assert match([twice], [found((A, 0, 0.5))]).matched == 2


def test_the_best_overlap_is_taken_first():
    near = [0.0, 10.0, 20.0, 40.1]
    one, other = found((near, 0, 0.5), (A, 0, 0.5)), found((A, 0, 0.5), (near, 0, 0.5))
    assert match([one], [other]).mean_iou == pytest.approx(1.0)
    assert match([one], [found((A, 0, 0.5))]).mean_iou == pytest.approx(1.0)


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param((A, 1, 0.5), id="another class"),
        pytest.param((B, 0, 0.5), id="another place"),
        pytest.param(([0.0, 10.0, 20.0, 40.5], 0, 0.5), id="1.7 % higher"),
        pytest.param((A, 0, 0.52), id="another score"),
    ],
)
def test_what_differs_does_not_match(mark):
    parity = match([found((A, 0, 0.5))], [found(mark)])
    assert (parity.share, parity.matched, parity.total) == (0.0, 0, 2)


def test_the_same_box_in_another_image_does_not_match():
    one = [found((A, 0, 0.5)), found()]
    assert match(one, one[::-1]).matched == 0


def test_a_partner_just_below_the_threshold_is_a_partner():
    one, other = found((A, 0, 0.0501)), found((A, 0, 0.0499))
    parity = match([one], [other])
    assert (parity.share, parity.matched, parity.total) == (1.0, 1, 1)
    assert match([other], [one]) == parity


def test_what_is_below_the_threshold_on_both_sides_is_not_looked_at():
    one, other = found((A, 0, 0.5), (B, 0, 0.02)), found((A, 0, 0.5), (C, 0, 0.02))
    assert match([one], [other]).share == 1.0


def test_the_worst_score_counts_also_where_it_is_too_far_off():
    one, other = found((A, 0, 0.5), (B, 0, 0.5)), found((A, 0, 0.75), (B, 0, 0.505))
    parity = match([one], [other])
    assert (parity.matched, parity.total) == (2, 4)
    assert parity.worst_score_delta == 0.25


def test_small_differences_of_a_runtime_are_tolerated():
    _, shown = crowd(4)
    rng = np.random.default_rng(0)
    moved = [
        one._replace(
            boxes=one.boxes + rng.uniform(-0.005, 0.005, one.boxes.shape).astype(np.float32),
            scores=one.scores + rng.uniform(-0.009, 0.009, one.scores.shape).astype(np.float32),
        )
        for one in shown
    ]
    parity = match(shown, moved)
    assert parity.share == 1.0
    assert 0.008 < parity.worst_score_delta < 0.01
    assert 0.99 < parity.mean_iou < 1.0


def test_nothing_on_either_side_is_no_difference():
    assert match([found()], [found()]) == Parity(1.0, 0, 0, 0.0, 0.0, 0.0)


def test_one_side_finding_nothing_is_no_parity():
    assert match([found((A, 0, 0.5))], [found()]).share == 0.0


def test_the_mean_score_delta_is_over_all_pairs():
    one, other = found((A, 0, 0.5), (B, 0, 0.5)), found((A, 0, 0.75), (B, 0, 0.5))
    assert match([one], [other], delta=1.0).mean_score_delta == pytest.approx(0.125)


def test_the_same_box_without_an_area_is_the_same() -> None:
    """A box clipped at the photo's edge overlaps nothing, not even itself."""
    flat = found(([0, 0, 0, 20], 0.9, 1))
    assert match([flat], [flat]).share == 1.0
