"""What a stored detector sees: photos, videos and cameras, what was found in each picture and in what time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import timing
from mfast_edge.data.photo import load_path
from mfast_edge.data.video import VIDEOS
from mfast_edge.errors import UserError
from mfast_edge.models.detections import detect, pixels
from mfast_edge.models.resize import blob
from mfast_edge.tasks.results import Clocked, Found

if TYPE_CHECKING:
    from mfast_edge.data.video import Clip
    from mfast_edge.models.detections import Forward
    from mfast_edge.opened import Opened

PROFILED = 20  # forwards
Shot = tuple[np.ndarray, Found]  # (H, W, 3) uint8 RGB, and what is in it


@dataclass
class Eye:
    """An opened detector; `spent` adds up the seconds since before it was opened, but for the caller's own."""

    forward: Forward
    decode: Any
    facts: dict[str, Any]
    macs: int
    cpu: float = 0.0
    cuda: float = 0.0
    spent: float = 0.0

    def photo(self, name: str, path: Path) -> Shot:
        """A photo and what is in it. UserError where it cannot be read."""
        return self.see(name, partial(load_path, path))

    def frames(self, clip: Clip, most: int | None) -> Iterator[Shot]:
        """A clip's frames, the first `most`, called name#0, name#1 …; UserError after them where it is broken."""
        frames, number = clip.frames(most), 0
        while True:
            try:
                yield self.see(f"{clip.name}#{number}", partial(next, frames))
            except StopIteration:
                return
            number += 1

    def see(self, name: str, read: Callable[[], np.ndarray]) -> Shot:
        """The picture that `read` gives, and what is in it."""
        picture, reading = timing.once(read)
        found, ms = timing.once(partial(detect, picture, self.forward, self.decode, self.facts))
        self.spent += (reading + ms) / 1e3
        return picture, Found(name, picture.shape[:2], found, ms / 1e3)

    @property
    def clocked(self) -> Clocked:
        """What was spent until now."""
        return Clocked(self.cpu, self.cuda, self.spent)


def eye(source: Opened, runtime: str | None, threads: int | None) -> Eye:
    """The detector, opened, warm, and profiled on noise."""

    def ready() -> Eye:
        made = Eye(source.forward(runtime, threads), source.model.decode, source.facts, source.macs)
        made.cpu, made.cuda = profile(made.forward, (made.facts["height"], made.facts["width"]))
        return made

    made, ms = timing.once(ready)
    made.spent = ms / 1e3
    return made


def profile(forward: Forward, size: tuple[int, int]) -> tuple[float, float]:
    """Seconds of one forward on the CPU's clock (all threads added) and on the GPU's (0 where none works)."""
    import time

    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    call = partial(forward, blob(noise, size, pixels(forward)))
    taken = timing.measure({"call": call}, rounds=PROFILED, seconds=0.0, clock=time.process_time)
    return timing.summary(taken["call"])["mean"] / 1e3, device_seconds(call)


def device_seconds(call: Callable[[], object]) -> float:
    """Seconds of CUDA kernels in one call, by torch's profiler; without torch on CUDA there are none."""
    import sys

    torch = sys.modules.get("torch")  # a graph in a CPU runtime never loads it
    if torch is None or not torch.cuda.is_available():
        return 0.0
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        for _ in range(PROFILED):
            call()
    return sum(float(event.self_device_time_total) for event in seen.key_averages()) / 1e6 / PROFILED


def listed(given: Sequence[Path]) -> list[Path]:
    """Every photo and video, folders opened. UserError where there is none."""
    found = []
    for path in given:
        if not path.exists():
            raise UserError(f"predict: {path} is not there; a photo, a video or a folder of them would be right")
        inside = inner(path) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"predict: {path} holds no photos; a folder with .jpg, .png or .mp4 files would be right")
        found += inside
    return found


def inner(folder: Path) -> list[Path]:
    """The photos in a folder, then the videos."""
    from mfast_edge.data.files import photos

    return [*photos(folder), *sorted(path for path in folder.iterdir() if moving(path))]


def moving(path: Path) -> bool:
    """Whether a file is a video, by its name."""
    return path.suffix.lower() in VIDEOS


def titles(paths: Sequence[Path]) -> list[str]:
    """A file name for each drawn photo (.jpg) or video (.mp4), no two alike."""
    seen: Counter[str] = Counter()
    names = []
    for path in paths:
        ending = ".mp4" if moving(path) else ".jpg"
        seen[path.stem + ending] += 1
        count = seen[path.stem + ending]
        names.append(f"{path.stem}{ending}" if count == 1 else f"{path.stem}-{count}{ending}")
    return names


def named(paths: Sequence[Path]) -> list[str]:
    """What each file is called in results: its name, or its path as given where names are alike."""
    counts = Counter(path.name for path in paths)
    return [path.name if counts[path.name] == 1 else path.as_posix() for path in paths]
