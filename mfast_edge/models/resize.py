"""How a photo becomes the network's input: one OpenCV call, here and on the board."""

from typing import Tuple

import cv2
import numpy as np


def resize(photo: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Stretch an (H, W, 3) uint8 RGB photo to `size` (height, width); bilinear, no cropping."""
    height, width = size
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR)


def blob(photo: np.ndarray, size: Tuple[int, int], pixels: str = "float32") -> np.ndarray:
    """The graph's input (1, 3, height, width): RGB 0..255, float32 or uint8, of an (H, W, 3) uint8 photo."""
    return np.array(cv2.split(resize(photo, size)), np.dtype(pixels))[None]  # twice as fast as a transposed copy
