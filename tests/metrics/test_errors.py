"""Kinds of mistakes by TIDE's definitions, one scene each."""

import numpy as np
import pytest

from mfast_edge.metrics.errors import KINDS, Errors, errors
from mfast_edge.metrics.match import evaluate
from tests.metrics.scenes import A, B, C, crowd, found, truth

HALF = [A[0] + 8, A[1], A[2] + 8, A[3]]  # IoU 12/28 with A
FAR = [A[0] + 18, A[1], A[2] + 18, A[3]]  # IoU 2/38 with A


def kinds(one: Errors) -> dict[str, int]:
    return {kind: count for kind, count in one.kinds.items() if count}


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([(A, 0, 0.9)], ({}, {})),
        ([(HALF, 0, 0.9)], ({"localisation": 1}, {})),
        ([(A, 1, 0.9)], ({}, {"confusion": 1})),
        ([(HALF, 1, 0.9)], ({"missed": 1}, {"both": 1})),
        ([(A, 0, 0.9), (A, 0, 0.8)], ({"duplicate": 1}, {})),
        ([(A, 0, 0.9), (C, 0, 0.8)], ({"background": 1}, {})),
        ([(FAR, 0, 0.9)], ({"background": 1, "missed": 1}, {})),
        ([], ({"missed": 1}, {})),
        ([(A, 0, 0.2)], ({"missed": 1}, {})),
        ([(HALF, 0, 0.9), (HALF, 0, 0.8)], ({"localisation": 2}, {})),
    ],
)
def test_one_object_and_what_was_said_of_it(
    marks: list[tuple[list[float], int, float]], expected: tuple[dict[str, int], ...]
) -> None:
    told = errors([truth((A, 0))], [found(*marks)], 2, 0.3)
    assert tuple(map(kinds, told)) == expected
    assert [one.truths for one in told] == [1, 0]


def test_confusions_say_which_class_it_was() -> None:
    truths = [truth((A, 0), (B, 2))]
    told = errors(truths, [found((A, 1, 0.9), (B, 1, 0.8), (B, 2, 0.7))], 3, 0.3)
    assert told[1].mistaken == {0: 1, 2: 1}
    assert told[2].right == 1
    assert kinds(told[0]) == {}, "a confusion is about it, so it is not missed too"


def test_ignored_objects_make_no_mistake_and_are_not_missed() -> None:
    told = errors([truth((A, 0), (B, 0), ignored=[1])], [found((A, 0, 0.9), (B, 0, 0.8), (B, 1, 0.7))], 2, 0.3)
    assert (told[0].truths, told[0].right, kinds(told[0])) == (1, 1, {})
    assert kinds(told[1]) == {"background": 1}, "no truth that counts is there"


def test_every_detection_and_truth_is_accounted_for() -> None:
    truths, hits = crowd(11)
    told = errors(truths, hits, 3, 0.4)
    for label, ranking in enumerate(evaluate(truths, hits, 3).rankings):
        sure = ranking.scores >= 0.4
        wrong = np.count_nonzero(sure & ~ranking.hits[0] & ~ranking.ignored[0])
        assert told[label].right == np.count_nonzero(sure & ranking.hits[0])
        assert sum(told[label].kinds[kind] for kind in KINDS[:-1]) == wrong
        assert told[label].truths == ranking.positives.sum()
        assert told[label].right + told[label].kinds["missed"] <= told[label].truths


def test_without_images_there_are_no_mistakes() -> None:
    assert errors([], [], 2, 0.5) == [Errors(), Errors()]
