"""OpenCV's bilinear resize of uint8 photos in numpy, bit for bit: for boards that have no OpenCV."""

from typing import Tuple

import numpy as np

BITS = 11  # of a weight: 2048 is 1


def stretch(photo: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """(H, W, C) uint8 stretched to `size` (height, width): what cv2.resize with INTER_LINEAR gives.

    The fixed-point arithmetic of OpenCV's imgproc (resize.cpp, its 8-bit bilinear passes): across in 11-bit
    weights, then down with sums cut to 16 bits. Both sides halved is an average of four, as it is there.
    """
    height, width = size
    if photo.shape[:2] == (height, width):
        return photo.copy()
    if photo.shape[:2] == (2 * height, 2 * width):
        return halved(photo)
    left, right, near, far = places(photo.shape[1], width)
    wide = photo.astype(np.int32)
    across = wide[:, left] * near[None, :, None] + wide[:, right] * far[None, :, None]
    above, below, near, far = places(photo.shape[0], height)
    upper = (across[above] >> 4) * near[:, None, None] >> 16
    lower = (across[below] >> 4) * far[:, None, None] >> 16
    return (upper + lower + 2 >> 2).astype(np.uint8)


def halved(photo: np.ndarray) -> np.ndarray:
    """The mean of each two by two pixels, rounded half up."""
    wide = photo.astype(np.int32)
    return (wide[::2, ::2] + wide[::2, 1::2] + wide[1::2, ::2] + wide[1::2, 1::2] + 2 >> 2).astype(np.uint8)


def places(source: int, wanted: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each of `wanted` pixels: the two source pixels it lies between, and their weights in 2048ths.

    Beyond an edge both are the pixel at the edge, and the weights are as they would be.
    """
    scale = 1.0 / (float(wanted) / source)
    spot = ((np.arange(wanted) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(spot).astype(np.int64)
    part = spot - first.astype(np.float32)
    one = np.float32(1 << BITS)
    near, far = (np.rint(share * one).astype(np.int32) for share in (np.float32(1) - part, part))
    return np.clip(first, 0, source - 1), np.clip(first + 1, 0, source - 1), near, far
