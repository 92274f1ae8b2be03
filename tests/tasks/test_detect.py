import json

import pytest

from mfast_edge.data.sample import ANY
from mfast_edge.errors import UserError
from mfast_edge.tasks import detect
from mfast_edge.tasks.scene import only
from tests.metrics.scenes import A, B, C, D, crowd, found, truth

NAMES = ["disc", "square", "star"]


def test_quality_is_that_worked_out_by_hand():
    # disc: one hit, then a miss, then the other: AP (51 + 50 * 2/3) / 101. square: found at once.
    truths = [truth((A, 0), (B, 0)), truth((A, 1), (D, 1), ignored=[1])]
    shown = [found((A, 0, 0.75), (C, 0, 0.5), (B, 0, 0.25)), found((A, 1, 0.75), (D, 1, 0.75))]
    quality = detect.compare(truths, shown, NAMES)
    disc = (51 + 50 * 2 / 3) / 101
    assert quality.per_class == pytest.approx({"disc": disc, "square": 1.0})
    assert quality.map50 == quality.map == quality.map75 == pytest.approx((disc + 1) / 2)
    assert (quality.images, quality.boxes) == (2, 3)
    assert (quality.f1, quality.confidence) == pytest.approx(((4 / 5 + 0) / 2 + 0.5, 0.25))


def test_a_given_confidence_is_used_as_it_is():
    shown = [found((A, 0, 0.75), (C, 0, 0.5), (B, 0, 0.25))]
    quality = detect.compare([truth((A, 0), (B, 0))], shown, NAMES, confidence=0.6)
    assert (quality.f1, quality.confidence) == (pytest.approx(2 / 3), 0.6)


def test_only_some_classes_are_numbered_anew_and_regions_of_any_class_stay():
    marks = only(truth((A, 0), (B, 2), (C, 1), (D, ANY), ignored=[3]), [2, 0])
    assert marks.classes.tolist() == [1, 0, ANY]
    assert marks.ignore.tolist() == [False, False, True]
    shown = only(found((A, 1, 0.9), (B, 2, 0.5)), [2, 0])
    assert (shown.classes.tolist(), shown.scores.tolist()) == ([0], [0.5])


def test_nothing_found_is_worth_nothing():
    quality = detect.compare([truth((A, 0)), truth()], [found(), found()], NAMES)
    assert (quality.map50, quality.map, quality.f1, quality.images) == (0.0, 0.0, 0.0, 2)
    assert quality.per_class == {"disc": 0.0}


@pytest.mark.parametrize("truths", [[], [truth()], [truth((A, 0), ignored=[0])]])
def test_nothing_to_be_found_is_the_users_mistake(truths):
    with pytest.raises(UserError, match=f"{len(truths)} images without a box to be found; give"):
        detect.compare(truths, [found()] * len(truths), NAMES)


def test_the_headline_is_map_at_half():
    truths, shown = crowd(1)
    quality = detect.compare(truths, shown, NAMES)
    assert quality.map50 > quality.map > 0
    assert detect.headline(quality) == quality.map50


def test_quality_survives_json():
    truths, shown = crowd(1)
    quality = detect.compare(truths, shown, NAMES)
    assert detect.Quality.from_json(json.loads(json.dumps(quality.to_json()))) == quality


def test_the_paired_interval_is_of_the_headline():
    truths, good = crowd(2)
    poor = [one._replace(boxes=one.boxes + 6) for one in good]
    gap = detect.paired(truths, good, poor, NAMES)
    headlines = [detect.headline(detect.compare(truths, shown, NAMES)) for shown in (good, poor)]
    assert gap.difference == pytest.approx(headlines[0] - headlines[1])
    assert 0 < gap.low < gap.high
