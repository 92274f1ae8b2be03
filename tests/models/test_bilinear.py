"""The resize of boards without OpenCV is OpenCV's, bit for bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mfast_edge.models.bilinear import stretch

SIZES = [((480, 640), (300, 300)), ((600, 600), (300, 300)), ((5, 3), (7, 11)), ((1, 9), (4, 1)), ((64, 64), (64, 64))]
DRAWN = np.random.default_rng(5).integers(1, 400, (60, 4))


@pytest.mark.parametrize("pair", [*SIZES, *(((a, b), (c, d)) for a, b, c, d in DRAWN.tolist())])
def test_every_pixel_is_opencv_s(pair: tuple[tuple[int, int], tuple[int, int]]) -> None:
    (height, width), size = pair
    photo = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    wanted = cv2.resize(photo, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(stretch(photo, size), wanted)
