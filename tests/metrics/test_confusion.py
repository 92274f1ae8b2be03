"""Classes of whole photos: scikit-learn 1.9.1's figures as golden values, and those worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mfast_edge.metrics import bootstrap, confusion
from mfast_edge.metrics.confusion import Answers

SCORES = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.1, 0.6, 0.3],
        [0.29, 0.4, 0.31],
        [0.2, 0.2, 0.6],
        [0.5, 0.3, 0.2],
        [0.05, 0.15, 0.8],
        [0.45, 0.35, 0.2],
        [0.1, 0.8, 0.1],
    ]
)
ANSWERS = Answers(np.array([0, 1, 0, 2, 1, 2, 2, 1]), SCORES)


def test_the_figures_are_scikit_learn_s() -> None:
    precision, recall, f1 = (row[0] for row in confusion.per_class(ANSWERS))
    assert precision == pytest.approx([1 / 3, 2 / 3, 1.0])  # precision_score(average=None)
    assert recall == pytest.approx([0.5, 2 / 3, 2 / 3])  # recall_score
    assert f1 == pytest.approx([0.4, 2 / 3, 0.8])  # f1_score
    assert confusion.macro_f1(ANSWERS) == pytest.approx([0.6222222222222222])  # f1_score(average="macro")
    assert confusion.top(ANSWERS, 1) == 0.625  # accuracy_score
    assert confusion.top(ANSWERS, 2) == 0.75  # top_k_accuracy_score(k=2)
    assert confusion.log_loss(ANSWERS) == pytest.approx(0.7344872958575984)  # log_loss
    assert confusion.matrix(ANSWERS).tolist() == [[1, 1, 0], [1, 2, 0], [1, 0, 2]]  # confusion_matrix


def test_calibration_is_the_gap_between_how_sure_and_how_right() -> None:
    sure = Answers(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]))
    assert confusion.reliability(sure) == [(1, 0.6, 1.0), (3, pytest.approx(0.9), pytest.approx(2 / 3))]
    assert confusion.calibration_error(sure) == pytest.approx((0.4 + 3 * (0.9 - 2 / 3)) / 4)


def test_a_class_without_photos_counts_in_no_mean_and_silence_is_never_right() -> None:
    silent = Answers(np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.0, 0.0, 0.0]]))
    assert np.isnan(confusion.per_class(silent)[2][0, 2])
    assert confusion.macro_f1(silent) == pytest.approx([0.5])
    assert silent.said.tolist() == [0, confusion.SILENT]
    assert confusion.matrix(silent).sum() == 1
    assert confusion.top(silent, 3) == 0.5
    assert np.isfinite(confusion.log_loss(silent))


def test_weights_are_photos_seen_so_often() -> None:
    rows = [0, 0, 1, 3, 3, 3]
    twice = Answers(ANSWERS.truths[rows], SCORES[rows])
    weights = np.array([2, 1, 0, 3, 0, 0, 0, 0])
    assert confusion.macro_f1(ANSWERS, weights) == pytest.approx(confusion.macro_f1(twice))


def test_an_interval_shrinks_with_the_photos() -> None:
    wide = [bootstrap.spread(n * 8, lambda w, n=n: confusion.macro_f1(many(n), w)) for n in (1, 50)]
    assert wide[0].value == pytest.approx(wide[1].value)
    assert wide[0].high - wide[0].low > 3 * (wide[1].high - wide[1].low)
    assert wide[1].low < wide[1].value < wide[1].high


def many(times: int) -> Answers:
    return Answers(np.tile(ANSWERS.truths, times), np.tile(SCORES, (times, 1)))
