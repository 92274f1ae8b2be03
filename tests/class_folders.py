"""A classification set that is drawn: folders of photos with one shape each, named after it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SHAPES = ("bar", "cross", "disc")


def draw(root: Path, count: int = 12, side: int = 48, seed: int = 0) -> Path:
    """`count` PNG photos of each of SHAPES, side x side, in folders of their names under `root`, which is returned.

    Colour, place and size vary and tell nothing of the class.
    """
    chance = np.random.default_rng(seed)
    for name in SHAPES:
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            photo = chance.integers(60, 100, (side, side, 3), np.uint8)
            paint(photo, name, chance)
            cv2.imwrite(str(folder / f"{number}.png"), photo)
    return root


def paint(photo: np.ndarray, name: str, chance: np.random.Generator) -> None:
    """One shape on the photo."""
    side = len(photo)
    colour = tuple(int(value) for value in chance.integers(140, 256, 3))
    x, y = (int(value) for value in chance.integers(side // 3, side - side // 3, 2))
    reach, thick = int(chance.integers(side // 6, side // 3)), max(2, side // 10)
    if name == "disc":
        cv2.circle(photo, (x, y), reach, colour, -1)
        return
    cv2.line(photo, (x - reach, y), (x + reach, y), colour, thick)
    if name == "cross":
        cv2.line(photo, (x, y - reach), (x, y + reach), colour, thick)
