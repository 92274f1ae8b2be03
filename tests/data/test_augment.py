"""Augmentation: boxes follow their pixels, the seed decides, the global random state is left alone."""

import numpy as np
import torch

from mfast_edge.data.augment import augment, plain, reachable, wrapped
from mfast_edge.data.sample import ANY, Truth
from mfast_edge.models.resize import resize

SEEDS = range(40)


def scene(ignore: bool = False) -> tuple[np.ndarray, Truth]:
    """A black photo 200x160 with a white and a grey block, and their boxes."""
    photo = np.zeros((160, 200, 3), np.uint8)
    photo[40:80, 30:90] = 255
    photo[90:150, 120:180] = 128
    boxes = np.array([[30, 40, 90, 80], [120, 90, 180, 150]], np.float32)
    return photo, Truth(boxes, np.array([4, 7]), np.array([False, ignore]))


def test_without_augmentation_it_is_the_boards_resize_and_scaled_boxes() -> None:
    photo, truth = scene()
    sample = plain(photo, truth, 96)
    np.testing.assert_array_equal(sample.image, resize(photo, (96, 96)))
    np.testing.assert_allclose(sample.boxes, truth.boxes * [0.48, 0.6, 0.48, 0.6], rtol=1e-6)


def test_a_sample_has_the_input_size_and_boxes_inside_it() -> None:
    photo, truth = scene()
    for seed in SEEDS:
        image, boxes, classes, ignore, *_ = augment(photo, truth, 96, seed=seed)
        assert image.shape == (96, 96, 3)
        assert (image.dtype, boxes.dtype, classes.dtype, ignore.dtype) == ("u1", "f4", "i8", bool)
        assert len(boxes) == len(classes) == len(ignore) >= 1
        assert boxes.min() >= 0
        assert boxes.max() <= 96 + 1e-3
        assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_boxes_follow_their_pixels() -> None:
    photo, truth = scene()
    for seed in SEEDS:
        image, boxes, classes, *_ = augment(photo, truth, 192, seed=seed)
        for (x1, y1, x2, y2), kind in zip(boxes.round().astype(int), classes, strict=True):
            inner = image[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].max(-1)
            if inner.size:
                assert inner.min() > (120 if kind == 4 else 40), seed


def test_photos_without_an_up_are_the_same_variants_half_of_them_upside_down() -> None:
    photo, truth = scene()
    turned = 0
    for seed in SEEDS:
        image, boxes, classes, *_ = augment(photo, truth, 96, seed=seed)
        other, others, kinds, *_ = augment(photo, truth, 96, seed=seed, flips="both")
        np.testing.assert_array_equal(classes, kinds)
        if np.array_equal(image, other):
            np.testing.assert_array_equal(boxes, others)
        else:
            turned += 1
            np.testing.assert_allclose(
                others, np.stack([boxes[:, 0], 96 - boxes[:, 3], boxes[:, 2], 96 - boxes[:, 1]], 1), atol=1e-3
            )
            assert np.abs(other[::-1].astype(int) - image).mean() < 2
    assert 10 < turned < 30


def test_the_seed_alone_decides() -> None:
    photo, truth = scene()
    torch.manual_seed(1)
    first = augment(photo, truth, 96, seed=5)
    torch.manual_seed(2)
    again = augment(photo, truth, 96, seed=5)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    others = [augment(photo, truth, 96, seed=seed).image for seed in SEEDS]
    assert len({image.tobytes() for image in others}) > 35


def test_the_global_random_state_and_the_photo_are_left_alone() -> None:
    photo, truth = scene()
    torch.manual_seed(0)
    state, pixels, boxes = torch.get_rng_state(), photo.copy(), truth.boxes.copy()
    for seed in SEEDS:
        augment(photo, truth, 96, seed=seed)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(photo, pixels)
    np.testing.assert_array_equal(truth.boxes, boxes)


def test_ignored_objects_travel_along() -> None:
    photo, truth = scene(ignore=True)
    for seed in SEEDS:
        _, _, classes, ignore, *_ = augment(photo, truth, 96, seed=seed)
        np.testing.assert_array_equal(ignore, classes == 7)


def test_what_is_left_of_an_ignored_region_in_a_crop_stays_ignored() -> None:
    """The photo is white where it is to be ignored: so is whatever is white in a variant of it."""
    photo = np.zeros((160, 200, 3), np.uint8)
    photo[:, 100:] = 255
    boxes = np.array([[10, 10, 98, 150], [100, 0, 200, 160]], np.float32)
    truth = Truth(boxes, np.array([4, ANY]), np.array([False, True]))
    for seed in SEEDS:
        image, boxes, _, ignore, *_ = augment(photo, truth, 96, seed=seed)
        white = np.argwhere(image.min(-1) > 180)[:, ::-1]
        covered = boxes[ignore]
        assert len(white) == 0 or len(covered) == 1, seed
        for x1, y1, x2, y2 in covered:
            assert (white > [x1 - 3, y1 - 3]).all(), seed
            assert (white < [x2 + 3, y2 + 3]).all(), seed


def test_a_background_photo_is_augmented_without_boxes() -> None:
    photo, _ = scene()
    nothing = Truth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    image, boxes, classes, ignore, *_ = augment(photo, nothing, 96, seed=0)
    assert image.shape == (96, 96, 3)
    assert (boxes.shape, classes.shape, ignore.shape) == ((0, 4), (0,), (0,))


def test_overlaps_that_no_crop_can_reach_are_not_tried() -> None:
    photo, row = torch.zeros(3, 100, 100), torch.arange(1)
    sides = {5.0: 1, 27.0: 3, 39.0: 6}  # 25/1600 < .1, 729/1600 < .5, 1521/1600 > .9
    for side, overlaps in sides.items():
        assert reachable(wrapped(photo, torch.tensor([[0, 0, side, side]]), row)["boxes"]) == overlaps
