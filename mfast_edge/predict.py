"""Side door: draws what the final file of a run finds in photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from mfast_edge.models.detections import Detections
    from mfast_edge.opened import Opened

    Seen = tuple[np.ndarray, Detections, float]

app = door()


@app.command()
def predict(  # noqa: PLR0913 - the arguments of the command
    run: Annotated[Path, typer.Argument(help="A run's folder, or a candidate's in runs/store.")],
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option(help="Where drawn photos and detections.json go.")] = Path("predictions"),
    score: Annotated[float | None, typer.Option(help="Draw from this score on; the best F1's if absent.")] = None,
    runtime: Annotated[str | None, typer.Option(help="onnxruntime or openvino; its fastest if absent.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="As many as the run was timed with if absent.")] = None,
) -> None:
    """Draw what the final file of RUN finds in PHOTOS. Prints a line per photo: objects of each class, ms.

    A photo that cannot be read is named, the others are drawn; the exit code is then 2.
    """
    from mfast_edge.opened import opened
    from mfast_edge.tasks.detect import above, write

    paths, source = listed(photos), opened(run)
    sure = source.confidence if score is None else score
    out.mkdir(parents=True, exist_ok=True)
    kept, unread = {}, []
    for path, name, seen in zip(paths, titles(paths), detected(source, paths, (runtime, threads)), strict=True):
        if isinstance(seen, UserError):
            unread.append(seen)
            continue
        photo, found, ms = seen
        kept[name] = above(found, sure)
        save(photo, kept[name], source.facts["classes"], out / name)
        print(f"{path}: {counted(kept[name], source.facts['classes'])}  {ms:.1f} ms")
    write(out / "detections.json", list(kept), list(kept.values()), source.facts["classes"])
    print(f"{len(kept)} drawn photos and detections.json in {out}, from score {sure:.3f}")
    if unread:
        raise UserError("; ".join(map(str, unread)))


def listed(given: list[Path]) -> list[Path]:
    """Every photo, folders opened. UserError where there is none."""
    from mfast_edge.data.files import photos

    for path in given:
        if not path.exists():
            raise UserError(f"predict: {path} is not there; a photo or a folder of photos would be right")
        if path.is_dir() and not photos(path):
            raise UserError(f"predict: {path} holds no photos; a folder with .jpg or .png files would be right")
    return [photo for path in given for photo in (photos(path) if path.is_dir() else [path])]


def detected(source: Opened, paths: list[Path], how: tuple[str | None, int | None]) -> Iterator[Seen | UserError]:
    """Each photo, what is found in it, and the ms from its pixels to that; or why it cannot be read."""
    from mfast_edge.data.photo import load_path
    from mfast_edge.models.detections import detect

    forward = source.forward(*how)
    for path in paths:
        try:
            photo = load_path(path)
        except UserError as wrong:
            yield wrong
            continue
        yield (photo, *timed(partial(detect, photo, forward, source.model.decode, source.facts)))


def timed(call: Callable[[], Detections]) -> tuple[Detections, float]:
    """What a call returns and its ms, the second time that it is called."""
    from benchmarks import timing

    found: list[Detections] = []
    series = timing.measure({"call": lambda: found.append(call())}, rounds=1, warmup=1, seconds=0.0)
    return found[-1], timing.percentile(series["call"], 50)


def titles(paths: list[Path]) -> list[str]:
    """A file name for each drawn photo, no two alike."""
    seen: Counter[str] = Counter()
    names = []
    for path in paths:
        seen[path.stem] += 1
        names.append(f"{path.stem}.jpg" if seen[path.stem] == 1 else f"{path.stem}-{seen[path.stem]}.jpg")
    return names


def save(photo: np.ndarray, found: Detections, classes: list[str], place: Path) -> None:
    """The photo with its detections drawn, as JPEG."""
    from PIL import Image

    from mfast_edge.tasks.detect import draw

    Image.fromarray(draw(photo, found, classes)).save(place, quality=90)


def counted(found: Detections, classes: list[str]) -> str:
    """`12 RBC, 1 WBC`."""
    counts = Counter(classes[int(label)] for label in found.classes)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
