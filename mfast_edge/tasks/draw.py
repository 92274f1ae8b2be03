"""Boxes and labels drawn on a photo."""

import colorsys
import math
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mfast_edge.data.sample import ANY, Truth
from mfast_edge.models.detections import Detections

SHORT = 320  # pixels: a photo with a shorter side is enlarged, or its labels would cover it
USUAL = 640  # pixels: with a longer short side, text and lines grow with the photo
LARGE = 8192  # pixels: no longer side is enlarged beyond it
TEXT = 13  # pixels

Colour = tuple[int, int, int]
Mark = tuple[list[float], int, str]
BLACK: Colour = (0, 0, 0)


def draw(
    photo: np.ndarray, marks: Detections | Truth, classes: Sequence[str], *, score: float = 0.0, title: str = ""
) -> np.ndarray:
    """The (H, W, 3) uint8 RGB photo with the detections scored `score` or more, or the truth, drawn on it.

    A `title` stands in the upper left corner, on top.

    A photo whose shorter side is below 320 pixels is first enlarged by a whole factor, so that labels can be
    read, its longer side to 8192 at most. A class always has the same colour. The best detections lie on top.
    """
    short, long = sorted(photo.shape[:2])
    zoom = max(1, min(math.ceil(SHORT / short), LARGE // long))
    large = Image.fromarray(photo.repeat(zoom, axis=0).repeat(zoom, axis=1))
    scale = max(1.0, min(large.size) / USUAL)
    pen, font = ImageDraw.Draw(large), ImageFont.load_default(TEXT * scale)
    for box, label, text in _marks(marks, classes, score):
        corners = [zoom * side for side in box]
        pen.rectangle(_upright(corners), outline=colour(label), width=round(2 * scale))
        _label(pen, corners, text, (font, colour(label)))
    if title:
        _label(pen, [0.0, 0.0], title, (font, BLACK))
    return np.asarray(large)


def above(found: Detections, score: float) -> Detections:
    """The detections scored `score` or more."""
    sure = found.scores >= score
    return Detections(found.boxes[sure], found.scores[sure], found.classes[sure])


def colour(label: int) -> Colour:
    """RGB of a class; neighbours lie a golden angle apart, so that few classes never look alike."""
    red, green, blue = colorsys.hsv_to_rgb((label * 0.618034) % 1.0, 0.85, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def _marks(marks: Detections | Truth, classes: Sequence[str], score: float) -> Iterator[Mark]:
    """Boxes, classes and texts, the best detection last."""
    if isinstance(marks, Detections):
        for place in np.argsort(marks.scores, kind="stable"):
            if marks.scores[place] >= score:
                label = int(marks.classes[place])
                yield marks.boxes[place].tolist(), label, f"{classes[label]} {marks.scores[place]:.2f}"
        return
    for box, label, ignore in zip(marks.boxes, marks.classes, marks.ignore, strict=True):
        name = "anything" if label == ANY else classes[int(label)]
        yield box.tolist(), int(label), f"{name} (ignored)" if ignore else name


def _upright(corners: list[float]) -> list[float]:
    """Pillow refuses a box whose end lies before its start."""
    x1, y1, x2, y2 = corners
    return [x1, y1, max(x1, x2), max(y1, y2)]


def _label(
    pen: ImageDraw.ImageDraw,
    corners: list[float],
    text: str,
    style: tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, Colour],
) -> None:
    """Text on a filled strip above the box; inside the photo wherever the box is."""
    font, back = style
    width, height = pen.textbbox((0, 0), text, font=font)[2:]
    room_x, room_y = pen.im.size[0] - width - 4, pen.im.size[1] - height - 3
    left = max(0.0, min(corners[0], room_x))
    top = max(0.0, min(corners[1] - height - 3, room_y))
    pen.rectangle([left, top, left + width + 3, top + height + 2], fill=back)
    light = 0.299 * back[0] + 0.587 * back[1] + 0.114 * back[2]
    pen.text((left + 2, top + 1), text, font=font, fill=(0, 0, 0) if light > 128 else (255, 255, 255))
