import numpy as np
import pytest

from mfast_edge.data.sample import ANY
from mfast_edge.metrics.match import evaluate
from tests.metrics.scenes import A, B, C, found, truth


def test_a_ranking_is_in_score_order_over_all_images():
    truths = [truth((A, 0)), truth((B, 0), (C, 0))]
    ranking = evaluate(truths, [found((A, 0, 0.5)), found((B, 0, 0.9), (A, 0, 0.2))], 1).rankings[0]
    assert ranking.scores.tolist() == [np.float32(0.9), 0.5, np.float32(0.2)]
    assert ranking.images.tolist() == [1, 0, 1]
    assert ranking.hits[0].tolist() == [True, True, False]
    assert ranking.positives.tolist() == [1, 2]


def test_a_second_detection_of_the_same_object_is_wrong():
    ranking = evaluate([truth((A, 0))], [found((A, 0, 0.9), (A, 0, 0.8))], 1).rankings[0]
    assert ranking.hits[0].tolist() == [True, False]
    assert not ranking.ignored.any()


def test_detections_of_an_ignored_truth_are_ignored_and_it_is_not_to_be_found():
    seen = truth((A, 0), (B, 0), ignored=[1])
    ranking = evaluate([seen], [found((B, 0, 0.9), (B, 0, 0.8), (A, 0, 0.7))], 1).rankings[0]
    assert ranking.ignored[0].tolist() == [True, True, False]
    assert ranking.hits[0].tolist() == [False, False, True]
    assert ranking.positives.tolist() == [1]


def test_a_region_of_any_class_makes_detections_of_every_class_in_it_neither_right_nor_wrong():
    seen = truth((A, 0), (B, ANY), ignored=[1])
    rankings = evaluate([seen], [found((B, 0, 0.9), (B, 1, 0.8), (C, 1, 0.7))], 2).rankings
    assert [ranking.ignored[0].tolist() for ranking in rankings] == [[True], [True, False]]
    assert [ranking.positives.tolist() for ranking in rankings] == [[1], [0]]


def test_a_crowd_of_one_class_excuses_no_other():
    seen = truth((A, 1), (B, 0), ignored=[1])
    rankings = evaluate([seen], [found((B, 0, 0.9), (B, 1, 0.8))], 2).rankings
    assert [ranking.ignored[0].tolist() for ranking in rankings] == [[True], [False]]


def test_a_loose_box_is_a_hit_only_at_low_thresholds():
    loose = [0.0, 10.0, 20.0, 31.5]  # 21.5 of 30 high: IoU .7167
    ranking = evaluate([truth((A, 0))], [found((loose, 0, 0.9))], 1).rankings[0]
    assert ranking.hits[:, 0].tolist() == [True] * 5 + [False] * 5


def test_only_the_best_100_of_an_image_and_class_count():
    shown = found(*[(B, 0, 0.9)] * 99, (A, 0, 0.8), (C, 0, 0.7))
    ranking = evaluate([truth((A, 0), (C, 0))], [shown], 1).rankings[0]
    assert ranking.hits[0].tolist() == [False] * 99 + [True]


def test_a_box_of_another_class_is_no_hit():
    matches = evaluate([truth((A, 0))], [found((A, 1, 0.9))], 2)
    assert not matches.rankings[0].hits.size
    assert not matches.rankings[1].hits.any()


def test_empty_images_and_no_images_give_empty_rankings():
    empty = evaluate([truth()], [found()], 2)
    assert [ranking.positives.tolist() for ranking in empty.rankings] == [[0], [0]]
    assert [len(ranking.scores) for ranking in evaluate([], [], 2).rankings] == [0, 0]


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]):
    evaluate([truth((A, 0))], [found((A, 0, 0.9))], 1)
    assert capsys.readouterr().out == ""


def test_a_class_outside_the_list_is_our_mistake():
    with pytest.raises(AssertionError, match=r"outside 0\.\.0"):
        evaluate([truth((A, 0))], [found((A, 1, 0.9))], 1)
