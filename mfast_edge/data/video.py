"""Videos and cameras as RGB frames, and drawn frames as a video."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mfast_edge.errors import Unfinished, UserError
from mfast_edge.models.resize import resize

VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ts"}
RATE = 30.0  # frames/s where a video or camera tells none
WHOLE = 0.9  # of the frames that a header tells of; some containers only estimate their number
CODEC = "mp4v"
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg says nothing of its own; read at the first video


@dataclass(frozen=True, slots=True)
class Clip:
    """An open video or camera: `fps` frames/s, `stated` frames by its header, 0 where nobody knows (live)."""

    name: str
    capture: cv2.VideoCapture
    fps: float
    stated: int

    @property
    def live(self) -> bool:
        """Whether it ends only when it is told to."""
        return not self.stated

    def frames(self, most: int | None = None) -> Iterator[np.ndarray]:
        """(H, W, 3) uint8 RGB frames, the first `most` of them, upright as a player shows them.

        UserError after the last one that can be read where there is none, or where a file ends too early.
        """
        count = 0
        try:
            while count != most:
                read, frame = self.capture.read()
                if not read:
                    break
                count += 1
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            self.capture.release()
        if not count and most != 0:
            raise UserError(f"predict: {self.name} gives no frame that can be read; a whole video would be right")
        if count != most and count < WHOLE * self.stated:
            raise UserError(
                f"predict: {self.name} is broken after {count} of {self.stated} frames; a whole video would be right"
            )


def video(path: Path, name: str | None = None) -> Clip:
    """A video file, called `name`, or as its path is. UserError where it is none that can be read."""
    clip = opened(name or str(path), os.fspath(path), cv2.CAP_FFMPEG)
    if clip is None:
        raise UserError(f"predict: {path} is not a video that can be read; a whole MP4 or AVI file would be right")
    return clip


def camera(where: str) -> Clip:
    """A camera by its number, or a stream by its address. UserError where there is none."""
    number = where.isdecimal()
    clip = opened(
        f"camera {where}" if number else where,
        int(where) if number else where,
        cv2.CAP_V4L2 if number else cv2.CAP_FFMPEG,
    )
    if clip is None:
        there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise UserError(
            f"--camera: nothing can be read from {where!r}; cameras that are here: {there}; the number of one "
            "(0 for /dev/video0) or a stream's address would be right"
        )
    return clip


def opened(name: str, source: str | int, backend: int) -> Clip | None:
    """A clip, or None, of which OpenCV says nothing of its own."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture = cv2.VideoCapture(source, backend)
    finally:
        cv2.utils.logging.setLogLevel(before)
    if not capture.isOpened():
        return None
    fps, stated = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return Clip(name, capture, fps if 0 < fps <= 1000 else RATE, max(0, int(stated)))


class Film:
    """A video written frame by frame, MPEG-4 in MP4, in the size of its first frame (even sides)."""

    def __init__(self, path: Path, fps: float):
        self.path, self.fps, self.count = path, fps, 0
        self.size: tuple[int, int] | None = None  # height, width

    def add(self, frame: np.ndarray) -> None:
        """One (H, W, 3) uint8 RGB frame more; one of another size is stretched. Unfinished: it cannot be begun."""
        if self.size is None:
            self.size = (frame.shape[0], frame.shape[1])
            code = cv2.VideoWriter.fourcc(*CODEC)
            self.writer = cv2.VideoWriter(os.fspath(self.path), cv2.CAP_FFMPEG, code, self.fps, self.size[::-1])
            if not self.writer.isOpened():
                raise self.unwritten()
        same = frame if frame.shape[:2] == self.size else resize(frame, self.size)
        self.writer.write(cv2.cvtColor(same, cv2.COLOR_RGB2BGR))
        self.count += 1

    def close(self) -> None:
        """The file is whole and can be read back. Unfinished where it is not: OpenCV itself tells no failed write."""
        if self.size is None:
            return
        self.writer.release()
        back = opened(str(self.path), os.fspath(self.path), cv2.CAP_FFMPEG)
        if back is None or back.stated < WHOLE * self.count:
            raise self.unwritten()
        back.capture.release()

    def unwritten(self) -> Unfinished:
        """Why there is no video."""
        return Unfinished(f"predict: {self.path} could not be written; a place with room (--out PATH) would be right")
