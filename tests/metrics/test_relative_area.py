"""Average precision by relative area: the sound way, and each quirk of the weighted one."""

import math

import numpy as np
import pytest

from mfast_edge.metrics.average_precision import average_precision
from mfast_edge.metrics.match import THRESHOLDS, evaluate
from mfast_edge.metrics.relative_area import BUCKETS, ByArea, relative_area, weighted
from tests.metrics.scenes import coco, crowd, found, truth

SIDE = 600.0  # of the image: a sixth is 100, a third 200
PIXELS = [SIDE * SIDE]


def square(side: float, x: float = 0.0) -> list[float]:
    return [x, 0.0, x + side, side]


def both(*marks: tuple[list[float], int, float], truths: object) -> tuple[ByArea, ByArea]:
    """Sound and weighted figures of one image of class 0 and 1."""
    given = ([truths], [found(*marks)], 2, PIXELS)
    return relative_area(*given), weighted(*given)  # type: ignore[arg-type]


def test_buckets_begin_and_end_at_a_sixth_and_a_third_with_the_published_ious() -> None:
    assert BUCKETS == {"small": (0, 1 / 36, 0.5), "medium": (1 / 36, 1 / 9, 0.6), "large": (1 / 9, 1, 0.7)}


@pytest.mark.parametrize(
    ("side", "buckets"),
    [(99, {"small"}), (101, {"medium"}), (201, {"large"}), (600, {"large"}), (100, {"small", "medium"})],
)
def test_an_object_lies_in_the_bucket_of_its_share_of_the_image_ends_among_them(side: float, buckets: set[str]) -> None:
    for one in both((square(side), 0, 0.9), truths=truth((square(side), 0))):
        assert {name for name in BUCKETS if getattr(one, name) == pytest.approx(1)} == buckets


@pytest.mark.parametrize(("name", "side"), [("small", 80.0), ("medium", 150.0), ("large", 300.0)])
def test_each_bucket_has_an_iou_of_its_own(name: str, side: float) -> None:
    iou = BUCKETS[name][2]
    for over, right in ((0.01, 1.0), (-0.01, 0.0)):
        box = [0.0, 0.0, side * (iou + over), side]
        for one in both((box, 0, 0.9), truths=truth((square(side), 0))):
            assert getattr(one, name) == pytest.approx(right)


def test_over_all_areas_the_sound_figures_are_coco_s() -> None:
    truths, hits = crowd(3)
    one = relative_area(truths, hits, 3, [300.0**2] * len(truths))
    known, judge = average_precision(evaluate(truths, hits, 3)), coco(truths, hits, 3)
    assert (one.map, one.map50, one.map75) == pytest.approx((known.map, known.map50, known.map75))
    assert (one.map, one.map50, one.map75) == pytest.approx(tuple(judge.stats[:3]))


def test_what_lies_outside_a_bucket_is_ignored_in_the_sound_way_and_wrong_in_the_weighted_one() -> None:
    """Quirk (d): a sure detection of the large object is a false positive among the small ones."""
    sound, quirky = both(
        (square(300, 200), 0, 0.9), (square(50), 0, 0.8), truths=truth((square(50), 0), (square(300, 200), 0))
    )
    assert (sound.small, sound.large) == pytest.approx((1, 1))
    assert (quirky.small, quirky.large) == pytest.approx((0.5, 1))


def test_the_weighted_mean_over_thresholds_weighs_by_the_iou() -> None:
    """Quirk (a): a box of IoU .72 is right at .50 to .70."""
    box = [0.0, 0.0, 216.0, 300.0]
    sound, quirky = both((box, 0, 0.9), truths=truth((square(300), 0)))
    assert sound.map == pytest.approx(0.5)
    assert quirky.map == pytest.approx(THRESHOLDS[:5].sum() / THRESHOLDS.sum())
    assert quirky.map50 == sound.map50 == pytest.approx(1)


def test_a_class_never_found_is_left_out_of_the_weighted_mean() -> None:
    """Quirk (b)."""
    sound, quirky = both((square(300), 0, 0.9), truths=truth((square(300), 0), (square(50, 400), 1)))
    assert (sound.map50, quirky.map50) == pytest.approx((0.5, 1))


def test_a_truth_takes_the_nearest_detection_not_the_surest() -> None:
    """Quirk (c): the surer, looser one becomes the false positive, ahead of the hit."""
    loose = [0.0, 0.0, 240.0, 300.0]
    sound, quirky = both((loose, 0, 0.9), (square(300), 0, 0.8), truths=truth((square(300), 0)))
    assert (sound.map50, quirky.map50) == pytest.approx((1, 0.5))


def test_a_taken_detection_serves_no_second_truth() -> None:
    """Two truths, one detection that both overlap most."""
    sound, quirky = both((square(300), 0, 0.9), truths=truth((square(300), 0), ([0.0, 0.0, 290.0, 300.0], 0)))
    assert sound.map50 == pytest.approx(51 / 101)
    assert quirky.map50 == pytest.approx(51 / 101)


def test_where_the_nearest_is_taken_a_truth_takes_the_next_nearest() -> None:
    """The second truth, 290 wide, overlaps the detection of 300 more than that of 280."""
    truths = truth((square(300), 0), ([0.0, 0.0, 290.0, 300.0], 0))
    for one in both((square(300), 0, 0.9), ([0.0, 0.0, 280.0, 300.0], 0, 0.8), truths=truths):
        assert one.map50 == pytest.approx(1)


def test_a_detection_of_a_class_that_the_image_lacks_is_wrong_either_way() -> None:
    """Quirk (e): here COCO agrees."""
    truths = [truth((square(300), 0)), truth((square(300), 1))]
    hits = [found((square(300), 0, 0.5), (square(300), 1, 0.9)), found((square(300), 1, 0.8))]
    for one in (relative_area(truths, hits, 2, PIXELS * 2), weighted(truths, hits, 2, PIXELS * 2)):
        assert one.map50 == pytest.approx((1 + 0.5) / 2)


def test_difficult_objects_count_only_in_the_weighted_way() -> None:
    sound, quirky = both((square(300), 0, 0.9), truths=truth((square(300), 0), (square(300, 300), 0), ignored=[1]))
    assert (sound.large, quirky.large) == pytest.approx((1, 51 / 101))


def test_eleven_points_and_all_points_can_be_asked_for() -> None:
    truths, hits = [truth((square(300), 0), (square(300, 300), 0))], [found((square(300), 0, 0.9))]
    for way in (relative_area, weighted):
        large = [way(truths, hits, 1, PIXELS, points).large for points in ("101", "11", "all")]  # type: ignore[arg-type]
        assert large == pytest.approx([51 / 101, 6 / 11, 0.5])


def test_a_bucket_without_truths_is_nothing_or_nought() -> None:
    sound, quirky = both((square(300), 0, 0.9), truths=truth((square(300), 0)))
    assert math.isnan(sound.small)
    assert quirky.small == 0
    assert not np.isnan(quirky.map)
