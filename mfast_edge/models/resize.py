"""How a photo becomes the network's input: one OpenCV call, here and on the board."""

from typing import Tuple

import cv2
import numpy as np


def resize(photo: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Stretch an (H, W, 3) uint8 RGB photo to `size` (height, width); bilinear, no cropping."""
    height, width = size
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR)


def blob(photo: np.ndarray, size: Tuple[int, int], pixels: str = "float32") -> np.ndarray:
    """The graph's input of an (H, W, 3) uint8 photo, RGB 0..255.

    float32: (1, 3, height, width). uint8: (1, height, width, 3), the resized photo's own bytes.
    """
    resized = resize(photo, size)
    if pixels == "uint8":
        return resized[None]
    return np.array(cv2.split(resized), np.float32)[None]  # twice as fast as a transposed copy
