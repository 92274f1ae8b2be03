"""Photos, videos and cameras on a board, by OpenCV or, for photos, Pillow. Travels: Python 3.6, numpy."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator, List, Sequence

import numpy as np
from detections import Detections  # type: ignore[import-not-found]
from faults import BoardError  # type: ignore[import-not-found]

cv2: Any = import_module("cv2") if find_spec("cv2") else None
PHOTOS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
COLOURS = ((230, 60, 60), (60, 180, 75), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 200, 200))
MPEG4 = 0x7634706D  # "mp4v" as OpenCV counts it


def listed(words: Sequence[str]) -> List[str]:
    """Every photo, video and camera, folders opened. BoardError where there is nothing."""
    found = []
    for word in words:
        path = Path(word)
        if path.is_dir():
            found += sorted(str(one) for one in path.iterdir() if one.suffix.lower() in PHOTOS + VIDEOS)
        elif path.exists() or live(word):
            found.append(word)
        else:
            raise BoardError("detect: {} is not there; a photo, folder, video or camera would be right".format(word))
    if not found:
        raise BoardError(
            "detect: no photo in {}; files such as .jpg, .png, .mp4 would be right".format(", ".join(words))
        )
    return found


def live(word: str) -> bool:
    """Whether it is a camera: its number or device, a stream's address, or a GStreamer pipeline."""
    named = word.isdigit() or word.startswith("/dev/video") or "://" in word or "!" in word
    return named and not Path(word).is_file()


def moving(word: str) -> bool:
    """Whether it has frames."""
    return live(word) or Path(word).suffix.lower() in VIDEOS


def photo(path: str) -> np.ndarray:
    """A photo as uint8 (H, W, 3) RGB, turned upright by its EXIF. BoardError where it cannot be read."""
    if cv2 is not None:
        image = cv2.imread(path, cv2.IMREAD_COLOR)
        if image is None:
            raise BoardError("{}: cannot be read as a photo; a whole .jpg or .png would be right".format(path))
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    pillow()
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError) as wrong:
        raise BoardError("{}: cannot be read as a photo ({})".format(path, wrong)) from None


def frames(word: str) -> Iterator[np.ndarray]:
    """The frames of a video or camera as photos. BoardError where it cannot be opened."""
    if cv2 is None:
        raise BoardError("{}: videos and cameras need OpenCV (apt install python3-opencv); photos do not".format(word))
    if live(word) and "!" in word:
        stream = cv2.VideoCapture(word, cv2.CAP_GSTREAMER)
    else:
        stream = cv2.VideoCapture(int(word) if word.isdigit() else word)
    try:
        if not stream.isOpened():
            raise BoardError("{}: cannot be opened; a video, or a camera that is there, would be right".format(word))
        whole, image = stream.read()
        while whole:
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            whole, image = stream.read()
    finally:
        stream.release()


def draw(picture: np.ndarray, found: Detections, labels: Sequence[str]) -> np.ndarray:
    """A copy of the picture with boxes, labels and scores."""
    if cv2 is None:
        return drawn(picture, found, labels)
    canvas = picture.copy()
    for box, score, label in zip(found.boxes, found.scores, found.classes):
        x1, y1, x2, y2 = (int(side) for side in box)
        colour = COLOURS[int(label) % len(COLOURS)]
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2)
        text = "{} {:.2f}".format(labels[int(label)], score)
        cv2.putText(canvas, text, (x1, max(12, y1 - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return canvas


def drawn(picture: np.ndarray, found: Detections, labels: Sequence[str]) -> np.ndarray:
    """The same by Pillow."""
    pillow()
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    for box, score, label in zip(found.boxes, found.scores, found.classes):
        colour = COLOURS[int(label) % len(COLOURS)]
        pen.rectangle([float(side) for side in box], outline=colour, width=2)
        pen.text((float(box[0]), max(0.0, float(box[1]) - 12)), "{} {:.2f}".format(labels[int(label)], score), colour)
    return np.array(canvas)


def save(path: Path, picture: np.ndarray) -> None:
    """A picture as .jpg. BoardError where OpenCV cannot write it; it says so by its answer alone."""
    if cv2 is not None:
        if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
            raise BoardError("{}: cannot be written; a folder with room that is yours would be right".format(path))
        return
    pillow()
    from PIL import Image

    Image.fromarray(picture).save(str(path), quality=90)


class Film:
    """An .mp4 of drawn frames; opened by the first."""

    def __init__(self, path: Path, fps: float = 25.0) -> None:
        self.path, self.fps = path, fps
        self.writer: Any = None

    def add(self, picture: np.ndarray) -> None:
        """One more frame. BoardError where the file cannot be opened, which OpenCV tells only who asks."""
        if self.writer is None:
            height, width = picture.shape[:2]
            self.writer = cv2.VideoWriter(str(self.path), MPEG4, self.fps, (width, height))
            if not self.writer.isOpened():
                raise BoardError(
                    "{}: cannot be written; a folder with room that is yours, and an OpenCV that writes MPEG-4, would "
                    "be right".format(self.path)
                )
        self.writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Finish the file."""
        if self.writer is not None:
            self.writer.release()


def pillow() -> None:
    """BoardError unless a Pillow is here that turns photos upright and draws wide lines: 6.0 or newer."""
    found = "no Pillow"
    if find_spec("PIL") is not None:
        import PIL
        from PIL import ImageOps

        if hasattr(ImageOps, "exif_transpose"):
            return
        found = "Pillow {}".format(PIL.__version__)
    raise BoardError(
        "detect: photos need OpenCV (python3-opencv, in JetPack) or Pillow 6 or newer, and here is {}; pip3 install "
        "'pillow>=6' would be right".format(found)
    )
