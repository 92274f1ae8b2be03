"""VOC's matching and its two ways of reading precision, worked by hand."""

import numpy as np
import pytest

from mfast_edge.metrics import voc
from mfast_edge.metrics.average_precision import table
from mfast_edge.metrics.match import evaluate
from mfast_edge.metrics.mean import macro
from tests.metrics.scenes import A, B, C, D, crowd, found, truth


def ap(points: str, *marks: tuple[list[float], int, float]) -> float:
    """Average precision at IoU .5 of detections beside the truths A and B of class 0."""
    matches = voc.match([truth((A, 0), (B, 0))], [found(*marks)], 1)
    return float(table(matches, None, (0,), points)[0, 0, 0])  # type: ignore[arg-type]


def test_a_hit_a_miss_a_hit_by_hand() -> None:
    """Recall .5 at precision 1, recall 1 at 2/3: all points 1/2 + 1/3; 11 points (6 x 1 + 5 x 2/3) / 11."""
    marks = ((A, 0, 0.9), (C, 0, 0.8), (B, 0, 0.7))
    assert ap("all", *marks) == pytest.approx(1 / 2 + 1 / 3)
    assert ap("11", *marks) == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_a_recall_never_reached_counts_as_precision_nought() -> None:
    assert ap("all", (A, 0, 0.9)) == pytest.approx(0.5)
    assert ap("11", (A, 0, 0.9)) == pytest.approx(6 / 11)
    assert ap("all") == ap("11") == 0.0


def test_a_second_detection_is_wrong_even_where_another_truth_is_near() -> None:
    """Both detections overlap the left truth most: COCO gives the second one to the right truth, VOC does not."""
    left, right, between = [0.0, 0, 100, 100], [30.0, 0, 130, 100], [10.0, 0, 110, 100]
    truths, hits = [truth((left, 0), (right, 0))], [found((left, 0, 0.9), (between, 0, 0.8))]
    assert voc.match(truths, hits, 1).rankings[0].hits[0].tolist() == [True, False]
    assert evaluate(truths, hits, 1).rankings[0].hits[0].tolist() == [True, True]


def test_difficult_objects_are_neither_missed_nor_found() -> None:
    (ranking,) = voc.match(
        [truth((A, 0), (B, 0), ignored=[1])], [found((B, 0, 0.9), (B, 0, 0.8), (A, 0, 0.7))], 1
    ).rankings
    assert ranking.positives.tolist() == [1]
    assert ranking.hits[0].tolist() == [False, False, True]
    assert ranking.ignored[0].tolist() == [True, True, False]


def test_at_three_quarters_a_loose_box_is_wrong() -> None:
    loose = [A[0] + 4, *A[1:]]  # IoU .8; two pixels more: .7
    looser = [A[0] + 6, *A[1:]]
    hits = (
        voc.match([truth((A, 0)), truth((A, 0))], [found((loose, 0, 0.9)), found((looser, 0, 0.8))], 1).rankings[0].hits
    )
    assert hits.tolist() == [[True, True], [True, False]]


def test_where_boxes_do_not_crowd_it_matches_as_the_reference_library_does() -> None:
    truths, hits = [truth((A, 0), (B, 1), (D, 1))], [found((A, 0, 0.9), (B, 1, 0.8), (C, 1, 0.7), (B, 1, 0.6))]
    mine, theirs = voc.match(truths, hits, 2), evaluate(truths, hits, 2)
    for one, other in zip(mine.rankings, theirs.rankings, strict=True):
        np.testing.assert_array_equal(one.hits[0], other.hits[0])
        np.testing.assert_array_equal(one.scores, other.scores)


def test_classes_without_truths_say_nothing_and_weights_count_images() -> None:
    truths, hits = crowd(5)
    matches = voc.match(truths, hits, 4)
    values = table(matches, None, (0, 1), "all")
    assert np.isnan(values[0, :, 3]).all()
    without = table(voc.match(truths[1:], hits[1:], 4), None, (0,), "11")
    weighted = table(matches, np.array([[0.0] + [1.0] * 11]), (0,), "11")
    np.testing.assert_allclose(macro(weighted), macro(without))
    assert macro(without) != macro(table(matches, None, (0,), "11"))
