"""Side door: draws what the final file of a run finds in photos, videos or a camera, and writes it for others."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.data.video import Clip
    from mfast_edge.looked import Eye, Shot
    from mfast_edge.models.detections import Detections
    from mfast_edge.opened import Opened
    from mfast_edge.tasks.results import Found, Ids
    from mfast_edge.tasks.task import Task

app = door()
LATELY = 30  # frames over which the rate that is drawn is measured


@dataclass(frozen=True, slots=True)
class Asked:
    """The door's arguments, as typed."""

    run: Path
    photos: tuple[Path, ...]
    out: Path
    score: float | None
    runtime: str | None
    threads: int | None
    ids: Path | None
    camera: str | None
    frames: int | None


@dataclass(frozen=True, slots=True)
class Album:
    """Where things are drawn, from the score `sure` on, what was found so far, and what could not be read."""

    task: Task
    out: Path
    classes: list[str]
    sure: float
    found: list[Found] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)  # of each of `found`: what it was drawn as
    unread: list[UserError] = field(default_factory=list)

    def add(self, shot: Shot, drawn: str) -> Detections:
        """Keep what was found; the part of it to draw."""
        self.found.append(shot[1])
        self.drawn.append(drawn)
        return self.task.shown(shot[1].detections, self.sure)


@app.command()
def predict(  # noqa: PLR0913 - the arguments of the command
    run: Annotated[Path, typer.Argument(help="A run's folder, or a candidate's in runs/store.")],
    photos: Annotated[list[Path] | None, typer.Argument(help="Photos, videos, or folders of them.")] = None,
    out: Annotated[Path, typer.Option(help="Where drawn photos and results go.")] = Path("predictions"),
    score: Annotated[float | None, typer.Option(help="Draw from this score on; the best F1's if absent.")] = None,
    runtime: Annotated[str | None, typer.Option(help="onnxruntime or openvino; its fastest if absent.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="As many as the run was timed with if absent.")] = None,
    ids: Annotated[
        Path | None, typer.Option(help="A COCO JSON whose image and category ids coco.json is to have.")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="A camera's number (0 is /dev/video0), or a stream's address.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="So many frames of each video or camera at most.")] = None,
) -> None:
    """Draw what the final file of RUN finds in PHOTOS. Prints a line per photo: objects of each class, ms; of a
    classifier the class and its probability.

    A photo or video that cannot be read is named, the others are drawn; the exit code is then 2. Ctrl-C ends a
    camera. detections.json and normalised.csv hold what is drawn; pixels.csv and coco.json everything that was
    found, as those who score want it; submission.json classes, seconds and multiply-adds. A classifier writes the
    last one, and classes.csv: the class of each photo and the probability of every class.
    """
    work(Asked(run, tuple(photos or ()), out, score, runtime, threads, ids, camera, frames))


def work(asked: Asked) -> None:
    """Check what was asked, look, draw, write."""
    from mfast_edge.data import video
    from mfast_edge.looked import eye, listed
    from mfast_edge.opened import opened
    from mfast_edge.tasks.task import of

    if not asked.photos and asked.camera is None:
        raise UserError("predict: no photos given; photos, videos, folders of them or --camera 0 would be right")
    paths, source = listed(asked.photos), opened(asked.run)
    classes = source.facts["classes"]
    ids = numbered(asked, paths, source)
    clip = None if asked.camera is None else video.camera(asked.camera)
    seer = eye(source, asked.runtime, asked.threads)
    asked.out.mkdir(parents=True, exist_ok=True)
    album = Album(of(source.model.task), asked.out, classes, source.confidence if asked.score is None else asked.score)
    look(seer, paths, album, asked.frames)
    if clip:
        watch(seer, clip, album, "camera.mp4", asked.frames)
    finish(album, seer, ids)


def numbered(asked: Asked, paths: Sequence[Path], source: Opened) -> Ids | None:
    """The ids of the photos and classes in the COCO JSON asked for. UserError for a photo that is not in it."""
    if asked.ids is None:
        return None
    from mfast_edge.tasks.task import of

    if of(source.model.task).WHOLE:
        raise UserError("--ids: a classifier writes no boxes and so no coco.json; without it would be right")
    from mfast_edge.data.coco import numbers
    from mfast_edge.looked import moving, named
    from mfast_edge.subject import matched
    from mfast_edge.tasks.results import Ids, placed

    if asked.camera is not None or any(map(moving, paths)):
        raise UserError("--ids: frames have no ids in a COCO file; photos alone would be right")
    images, categories = numbers(asked.ids)
    classes, places = source.facts["classes"], list(categories)
    known = matched(tuple(classes), tuple(categories.values()))
    mine = tuple(places[known[label]] if label in known else None for label in range(len(classes)))
    every = (placed(path, images, asked.ids) for path in paths)
    return Ids(dict(zip(named(paths), every, strict=True)), mine)


def look(seer: Eye, paths: Sequence[Path], album: Album, most: int | None) -> None:
    """Every photo and video: found, drawn, told; or noted as unread."""
    from mfast_edge.data import video
    from mfast_edge.looked import moving, named, titles

    for path, name, title in zip(paths, named(paths), titles(paths), strict=True):
        try:
            if moving(path):
                watch(seer, video.video(path, name), album, title, most)
            else:
                snap(seer.photo(name, path), album, title, path)
        except UserError as wrong:
            album.unread.append(wrong)


def snap(shot: Shot, album: Album, title: str, path: Path) -> None:
    """One photo, drawn and told."""
    from PIL import Image

    found = album.add(shot, title)
    Image.fromarray(album.task.draw(shot[0], found, album.classes)).save(album.out / title, quality=90)
    print(f"{path}: {told(found, album)}  {1e3 * shot[1].seconds:.1f} ms")


def watch(seer: Eye, clip: Clip, album: Album, title: str, most: int | None) -> None:
    """A video or camera, drawn frame by frame with the frames/s of drawing and all, and told.

    What never ends by itself is ended by Ctrl-C. UserError after the last frame where a video is broken.
    """
    from mfast_edge.data.video import Film

    if clip.live:
        print(f"{clip.name}: Ctrl-C ends it", flush=True)
    seen: list[Detections] = []
    clock, begun = deque([time.perf_counter()], maxlen=LATELY), time.perf_counter()
    film = Film(album.out / title, clip.fps)
    try:
        with asked_to_end(clip.live) as ends:
            for number, shot in enumerate(seer.frames(clip, most)):
                seen.append(album.add(shot, f"{title}#{number}"))
                film.add(album.task.draw(shot[0], seen[-1], album.classes, title=rate(clock)))
                clock.append(time.perf_counter())
                if ends.is_set():
                    break
    finally:
        film.close()
        if seen:
            fps = len(seen) / (time.perf_counter() - begun)
            print(f"{clip.name}: {len(seen)} frames, {counted(seen, album.classes)}  {fps:.1f} FPS")


def told(found: Detections, album: Album) -> str:
    """What a photo shows, in words."""
    if album.task.WHOLE:
        return album.task.caption(found, album.classes) or "nothing"
    return counted([found], album.classes)


@contextmanager
def asked_to_end(patient: bool) -> Iterator[Event]:
    """An event that Ctrl-C sets, if `patient`: what is at work on a frame ends it first, so all files agree."""
    ends = Event()
    before = signal.signal(signal.SIGINT, lambda *_: ends.set()) if patient else None
    try:
        yield ends
    finally:
        if patient:
            signal.signal(signal.SIGINT, before)


def rate(clock: Sequence[float]) -> str:
    """`23.4 FPS` over the last frames; nothing before the second."""
    return f"{(len(clock) - 1) / (clock[-1] - clock[0]):.1f} FPS" if len(clock) > 1 else ""


def finish(album: Album, seer: Eye, ids: Ids | None) -> None:
    """The results as files. UserError names what could not be read."""
    from mfast_edge.tasks.results import competition

    told = classified(album) if album.task.WHOLE else detected(album, ids)
    competition(album.out / "submission.json", album.found, album.classes, seer.clocked, seer.macs)
    print(f"{len(album.found)} drawn pictures and {told} in {album.out}, from score {album.sure:.3f}")
    if album.unread:
        raise UserError("; ".join(map(str, album.unread)))


def classified(album: Album) -> str:
    """The file with the class of each photo."""
    from mfast_edge.tasks.results import probabilities

    probabilities(album.out / "classes.csv", album.found, album.classes)
    return "classes.csv"


def detected(album: Album, ids: Ids | None) -> str:
    """The files with boxes; the first one's name."""
    from mfast_edge.tasks import results
    from mfast_edge.tasks.detect import write

    drawn = [album.task.shown(one.detections, album.sure) for one in album.found]
    write(album.out / "detections.json", album.drawn, drawn, album.classes)
    results.pixels(album.out / "pixels.csv", album.found, album.classes)
    results.normalised(album.out / "normalised.csv", album.found, album.classes, album.sure)
    results.coco(album.out / "coco.json", album.found, ids or results.plain(album.found, album.classes))
    return "detections.json"


def counted(found: Iterable[Detections], classes: Sequence[str]) -> str:
    """`12 RBC, 1 WBC`."""
    counts = Counter(classes[int(label)] for one in found for label in one.classes)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
