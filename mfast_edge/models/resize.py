"""How a photo becomes the network's input: one resize, here and on the board."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Tuple

import numpy as np

if __package__:
    from mfast_edge.models.bilinear import stretch
else:  # on the board the files lie side by side
    from bilinear import stretch  # type: ignore[import-not-found,no-redef]

# A board without OpenCV gets the same numbers, more slowly.
cv2: Any = import_module("cv2") if find_spec("cv2") else None


def resize(photo: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Stretch an (H, W, 3) uint8 RGB photo to `size` (height, width); bilinear, no cropping."""
    height, width = size
    if cv2 is None:
        return stretch(photo, size)
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR)


def blob(photo: np.ndarray, size: Tuple[int, int], pixels: str = "float32") -> np.ndarray:
    """The graph's input of an (H, W, 3) uint8 photo, RGB 0..255.

    float32: (1, 3, height, width). uint8: (1, height, width, 3), the resized photo's own bytes.
    """
    resized = resize(photo, size)
    if pixels == "uint8":
        return resized[None]
    if cv2 is None:
        return np.ascontiguousarray(resized.transpose(2, 0, 1)[None], np.float32)
    return np.array(cv2.split(resized), np.float32)[None]  # twice as fast as a transposed copy
