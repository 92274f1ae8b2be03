"""Image files to RGB arrays, whatever their mode and orientation."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mfast_edge.data.sample import Record
from mfast_edge.errors import UserError

ORIENTATION = 0x0112  # EXIF tag
TURNS = {  # EXIF orientation → what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BROKEN = (  # what Pillow raises on files that are cut, damaged or no images
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
PLAIN = {"1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB"}
ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
DEEP = {"I", "I;16", "I;16L", "I;16B", "I;16N"}


def load(record: Record) -> np.ndarray:
    """The photo as (height, width, 3) uint8 RGB, turned as its truth's boxes mean it.

    Raises UserError when the file is no longer what it was when the data set was read.
    """
    photo = opened(record.path, record.rotate)
    if photo.shape[:2] != (record.height, record.width):
        raise UserError(f"data: {record.path}: its size changed since the data set was read; start again")
    return photo


def load_path(path: Path) -> np.ndarray:
    """Any image file as (H, W, 3) uint8 RGB, upright as a viewer shows it; UserError if it is broken."""
    return opened(path, None)


def opened(path: Path, rotate: int | None) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return rgb(image, orientation(image) if rotate is None else rotate)
    except BROKEN as error:
        raise UserError(f"data: {path}: {fault(error)}; give a whole image file") from None


def fault(error: BaseException) -> str:
    """What is wrong with an image file, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "missing image file"
    return "not an image" if isinstance(error, UnidentifiedImageError) else f"undecodable image ({error})"


def orientation(image: Image.Image) -> int:
    """The EXIF orientation 1 to 8; 1 where the EXIF block is missing, broken or says nonsense."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except BROKEN:
        return 1
    return value if value in TURNS else 1


def rgb(image: Image.Image, rotate: int = 1) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an open image, turned by the EXIF orientation `rotate`.

    Transparency is laid over black. 16-bit grey keeps its high byte (65535 → 255). Raises ValueError for a
    mode whose range is unknown (32-bit float).
    """
    upright = image.transpose(TURNS[rotate]) if rotate in TURNS else image
    if upright.mode in DEEP:
        grey = (np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.mode in ALPHA or "transparency" in upright.info:
        return flat(upright.convert("RGBA"))
    if upright.mode not in PLAIN:
        raise ValueError(f"pixels of mode {upright.mode}")
    return np.array(upright.convert("RGB"))


def flat(image: Image.Image) -> np.ndarray:
    """An RGBA image laid over black, (H, W, 3) uint8."""
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return np.array(Image.alpha_composite(black, image).convert("RGB"))
