import numpy as np
import pytest

from mfast_edge.metrics import f1
from mfast_edge.metrics.match import evaluate
from tests.metrics.scenes import A, B, C, crowd, found, truth


@pytest.fixture
def matches():
    # Behind each detection: 1 right of 1, 1 of 2, 2 of 3; two to be found.
    seen, shown = truth((A, 0), (B, 0)), found((A, 0, 0.75), (C, 0, 0.5), (B, 0, 0.25))
    return evaluate([seen], [shown], 1)


def test_the_curve_is_that_worked_out_by_hand(matches):
    found = f1.curve(matches)
    assert found.confidences.tolist() == [0.25, 0.5, 0.75]
    assert found.f1[0] == pytest.approx([4 / 5, 2 / 4, 2 / 3])


def test_the_best_confidence_is_where_f1_is_highest(matches):
    assert f1.best(matches) == f1.Best(0.25, 0.8)


def test_f1_at_a_confidence_counts_the_detections_at_or_above_it(matches):
    assert f1.at(matches, 0.75) == pytest.approx(2 / 3)
    assert f1.at(matches, 0.3) == pytest.approx(1 / 2)
    assert f1.at(matches, 0.8) == 0.0


def test_of_two_equally_good_confidences_the_higher_is_chosen():
    # 1 of 1 of two: 2/3. Then two wrong and one more right: 4 / (4 + 2) as well.
    seen = truth((A, 0), (B, 0))
    shown = found((A, 0, 0.75), (C, 0, 0.5), (C, 0, 0.5), (B, 0, 0.25))
    assert f1.best(evaluate([seen], [shown], 1)).confidence == 0.75


def test_ignored_detections_are_neither_right_nor_wrong():
    seen, shown = truth((A, 0), (B, 0), ignored=[1]), found((A, 0, 0.5), (B, 0, 0.75))
    assert f1.at(evaluate([seen], [shown], 1), 0.1) == 1.0


def test_macro_f1_is_the_mean_over_the_classes_with_truths():
    seen, shown = truth((A, 0), (B, 1)), found((A, 0, 0.5), (C, 2, 0.5))
    matches = evaluate([seen], [shown], 3)
    assert f1.at(matches, 0.1) == 0.5  # class 1 is missed, class 2 has no truth
    assert np.isnan(f1.curve(matches).f1[2]).all()


def test_nothing_found_has_f1_zero():
    matches = evaluate([truth((A, 0))], [found()], 1)
    assert f1.best(matches) == f1.Best(1.0, 0.0)
    assert f1.at(matches, 0.5) == 0.0


def test_nothing_to_find_has_no_f1():
    assert np.isnan(f1.at(evaluate([truth()], [found((A, 0, 0.5))], 1), 0.1))


def test_the_curve_and_f1_at_a_confidence_agree():
    truths, detections = crowd(5)
    matches = evaluate(truths, detections, 4)
    curve = f1.curve(matches)
    for place in range(0, len(curve.confidences), 9):
        mean = np.nanmean(curve.f1[:, place])
        assert f1.at(matches, float(curve.confidences[place])) == pytest.approx(mean)
