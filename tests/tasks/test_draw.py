import numpy as np
import pytest

from mfast_edge.data.sample import ANY
from mfast_edge.tasks.draw import colour, draw
from tests.metrics.scenes import found, truth

BOX = [100.0, 100.0, 300.0, 250.0]
NAMES = ["disc", "square"]


@pytest.fixture
def photo():
    return np.full((480, 640, 3), 90, np.uint8)


def test_the_box_has_its_classs_colour_and_its_inside_is_untouched(photo):
    drawn = draw(photo, found((BOX, 1, 0.5)), NAMES)
    for x, y in ((100, 200), (300, 200), (200, 100), (200, 250)):
        assert tuple(drawn[y, x]) == colour(1)
    np.testing.assert_array_equal(drawn[110:240, 110:290], photo[110:240, 110:290])


def test_the_label_stands_above_the_box(photo):
    drawn = draw(photo, found((BOX, 0, 0.5)), NAMES)
    strip = drawn[85:97, 101:110].reshape(-1, 3)
    assert (strip == colour(0)).all(1).any()
    longer = draw(photo, found((BOX, 0, 0.5)), ["disc with a long name", "square"])
    assert (longer != photo).any(2).sum() > (drawn != photo).any(2).sum()


def test_the_photo_given_is_not_changed(photo):
    draw(photo, found((BOX, 0, 0.5)), NAMES)
    assert (photo == 90).all()


def test_low_scores_are_left_out(photo):
    np.testing.assert_array_equal(draw(photo, found((BOX, 0, 0.25)), NAMES, score=0.3), photo)


def test_nothing_found_draws_nothing(photo):
    np.testing.assert_array_equal(draw(photo, found(), NAMES), photo)


def test_a_truth_is_drawn_and_an_ignored_one_says_so(photo):
    plain = draw(photo, truth((BOX, 0)), NAMES)
    ignored = draw(photo, truth((BOX, 0), ignored=[0]), NAMES)
    assert tuple(plain[200, 100]) == tuple(ignored[200, 100]) == colour(0)
    assert (ignored != photo).any(2).sum() > (plain != photo).any(2).sum()


def test_a_region_of_any_class_is_drawn_under_no_class_s_name(photo):
    anything, first = (draw(photo, truth((BOX, kind), ignored=[0]), NAMES) for kind in (ANY, 0))
    last = draw(photo, truth((BOX, len(NAMES) - 1), ignored=[0]), NAMES)
    assert not np.array_equal(anything, first)
    assert (anything != photo).any(2).sum() != (last != photo).any(2).sum()


def test_a_long_strip_is_enlarged_no_further_than_can_be_stored():
    drawn = draw(np.zeros((1, 400, 3), np.uint8), found(([10, 0, 60, 1], 0, 0.5)), NAMES)
    assert drawn.shape == (20, 8000, 3)
    assert draw(np.zeros((1, 9000, 3), np.uint8), found(), NAMES).shape == (1, 9000, 3)


def test_a_small_photo_is_enlarged_by_a_whole_factor():
    drawn = draw(np.zeros((96, 120, 3), np.uint8), found(([10, 40, 60, 80], 0, 0.5)), NAMES)
    assert drawn.shape == (384, 480, 3)
    assert tuple(drawn[240, 40]) == colour(0)


@pytest.mark.parametrize("box", [[0, 0, 9, 9], [630, 470, 640, 480], [-50, -50, 700, 600], [300, 100, 200, 50]])
def test_a_label_at_the_edge_stays_inside_the_photo(photo, box):
    drawn = draw(photo, found((box, 1, 0.5)), NAMES)
    changed = (drawn == colour(1)).all(2).sum()
    assert drawn.shape == photo.shape
    assert changed > 300  # most of the strip, about 70 x 15, can be seen


def test_the_best_detection_lies_on_top(photo):
    drawn = draw(photo, found((BOX, 0, 0.9), (BOX, 1, 0.5)), NAMES)
    assert tuple(drawn[200, 100]) == colour(0)


def test_the_colours_of_ten_classes_are_far_apart():
    colours = np.array([colour(label) for label in range(10)], int)
    apart = np.abs(colours[:, None] - colours[None]).sum(2)
    assert apart[~np.eye(10, dtype=bool)].min() > 60


def test_a_title_stands_in_the_upper_left_corner(photo):
    drawn = draw(photo, found(), NAMES, title="23.4 FPS")
    changed = np.argwhere((drawn != photo).any(2))
    assert changed.min(0).tolist() == [0, 0]
    assert (drawn[1:15, 1:60] == 255).any()
    assert changed.max(0)[0] < 30
    assert changed.max(0)[1] < 120
