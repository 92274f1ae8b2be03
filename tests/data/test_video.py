"""Videos: read whole, written whole, and what is broken is said."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfast_edge.data.video import Film, camera, video
from mfast_edge.errors import Unfinished, UserError


def greys(path: Path, count: int = 12, fps: float = 10.0, code: str = "MJPG", noise: bool = False) -> Path:
    """A video whose frame n is grey 20 n, or noise, red on its left edge."""
    random = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), fps, (96, 64))
    for number in range(count):
        frame = random.integers(0, 256, (64, 96, 3), np.uint8) if noise else np.full((64, 96, 3), 20 * number, np.uint8)
        frame[:, :32] = (0, 0, 255)  # OpenCV's order: blue, green, red
        writer.write(frame)
    writer.release()
    return path


@pytest.mark.parametrize("name", ["a.avi", "a.mp4", "a.mkv"])
def test_every_frame_comes_once_in_order_as_rgb(tmp_path: Path, name: str) -> None:
    clip = video(greys(tmp_path / name, code="MJPG" if name == "a.avi" else "mp4v"))
    frames = list(clip.frames())
    assert (clip.stated, clip.fps, clip.live) == (12, 10.0, False)
    assert [frame.shape for frame in frames] == [(64, 96, 3)] * 12
    assert np.abs([int(frame[32, 80, 0]) - 20 * number for number, frame in enumerate(frames)]).max() <= 6
    red, green, blue = frames[0][32, 10].tolist()
    assert red > 200 > 60 > max(green, blue)


def test_no_more_frames_than_asked_are_read(tmp_path: Path) -> None:
    assert len(list(video(greys(tmp_path / "a.avi")).frames(5))) == 5


def test_a_video_that_ends_too_early_gives_its_frames_then_says_so(tmp_path: Path) -> None:
    path = greys(tmp_path / "a.avi", 40, noise=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    seen, frames = 0, video(path).frames()
    with pytest.raises(UserError, match=r"a\.avi is broken after \d+ of 40 frames") as said:  # noqa: PT012
        for _ in frames:
            seen += 1
    assert f"after {seen} of" in str(said.value)
    assert 10 < seen < 30


@pytest.mark.parametrize("content", [b"", b"not a video" * 50])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.mp4 is not a video that can be read"):
        video(tmp_path / "a.mp4")
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_is_not_there_is_named_with_those_that_are(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"from '97'; cameras that are here: .+ would be right"):
        camera("97")
    with pytest.raises(UserError, match="from 'http://127"):
        camera("http://127.0.0.1:9/none")
    assert capfd.readouterr() == ("", "")


def test_a_film_can_be_read_back_whatever_the_size_of_later_frames(tmp_path: Path) -> None:
    film = Film(tmp_path / "out.mp4", 12.5)
    for side in (64, 64, 90):
        film.add(np.full((side, 96, 3), (200, 0, 0), np.uint8))
    film.close()
    clip = video(tmp_path / "out.mp4")
    frames = list(clip.frames())
    assert (len(frames), clip.fps) == (3, 12.5)
    assert {frame.shape for frame in frames} == {(64, 96, 3)}
    assert frames[2][30, 50, 0] > 150 > 50 > frames[2][30, 50, 2]


def test_a_film_without_a_frame_is_no_file(tmp_path: Path) -> None:
    Film(tmp_path / "out.mp4", 10.0).close()
    assert not list(tmp_path.iterdir())


def test_a_film_that_cannot_be_written_is_said_to_be(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unfinished, match="could not be written"):
        Film(tmp_path / "none" / "out.mp4", 10.0).add(np.zeros((64, 96, 3), np.uint8))


@pytest.mark.parametrize("sink", ["/dev/null", "/dev/full"])
def test_a_film_whose_bytes_are_lost_is_said_to_be(tmp_path: Path, sink: str) -> None:
    if not os.path.exists(sink):
        pytest.skip(f"no {sink} here")
    (tmp_path / "out.mp4").symlink_to(sink)
    film = Film(tmp_path / "out.mp4", 10.0)
    with pytest.raises(Unfinished, match="could not be written"):  # noqa: PT012
        film.add(np.zeros((64, 96, 3), np.uint8))
        film.close()
