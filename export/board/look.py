"""Detect, or classify: photos, folders, videos and cameras on a board. Travels: Python 3.6, numpy."""

import json
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from detections import Detections, detect  # type: ignore[import-not-found]
from faults import BoardError  # type: ignore[import-not-found]
from opened import Model  # type: ignore[import-not-found]
from photos import Film, draw, frames, listed, live, moving, photo, save  # type: ignore[import-not-found]


class Album(NamedTuple):
    """Where drawings and found.json go, the labels, from which score on, how many frames at most; `whole`: a
    classifier's, of which the surest class of each photo is told."""

    out: Path
    labels: Sequence[str]
    score: float
    most: Optional[int]
    whole: bool = False


def look(model: Model, words: Sequence[str], album: Album) -> List[str]:
    """Draw what is found in each of `words`, print a line for each, write found.json.

    A sentence on each that could not be read or drawn.
    """
    every, unread = listed(words), []
    album.out.mkdir(parents=True, exist_ok=True)
    found: List[Dict[str, Any]] = []
    for number, word in enumerate(every):
        try:
            if moving(word):
                found += watch(model, word, album, number)
            else:
                found += snap(model, word, album, number)
        except BoardError as wrong:
            unread.append(str(wrong))
    (album.out / "found.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return unread


def snap(model: Model, word: str, album: Album, number: int) -> List[Dict[str, Any]]:
    """One photo."""
    picture = photo(word)
    found, ms = seen(model, picture, album)
    name = "{:03d}-{}.jpg".format(number, Path(word).stem)
    save(album.out / name, draw(picture, found, album.labels))
    shown = " ".join(map(surest, told(word, found, album))) if album.whole else counted([found], album.labels)
    print("{}: {}  {:.1f} ms".format(word, shown, ms))
    return list(told(word, found, album))


def watch(model: Model, word: str, album: Album, number: int) -> List[Dict[str, Any]]:
    """A video or a camera, frame by frame, until it ends, `most` frames were seen, or Ctrl-C."""
    stem = "stream" if live(word) and ("!" in word or "://" in word) else Path(word).stem
    film = Film(album.out / "{:03d}-{}.mp4".format(number, stem))
    rows: List[Dict[str, Any]] = []
    all_: List[Detections] = []
    begun = time.time()
    try:
        for place, picture in enumerate(frames(word)):
            found, _ = seen(model, picture, album)
            film.add(draw(picture, found, album.labels))
            rows += told("{}#{}".format(word, place), found, album)
            all_.append(found)
            if album.most and place + 1 >= album.most:
                break
    except KeyboardInterrupt:
        print("ended")
    finally:
        film.close()
    rate = len(all_) / max(time.time() - begun, 1e-9)
    print("{}: {} frames, {}  {:.1f} FPS".format(word, len(all_), counted(all_, album.labels), rate))
    return rows


def seen(model: Model, picture: np.ndarray, album: Album) -> Tuple[Detections, float]:
    """(what is found from the album's score on, ms)."""
    begun = time.time()
    found = detect(picture, model.forward, model.decode, model.facts)
    ms = (time.time() - begun) * 1e3
    sure = found.scores >= album.score
    if album.whole:
        sure &= np.arange(len(sure)) == found.scores.argmax()
    return Detections(found.boxes[sure], found.scores[sure], found.classes[sure]), ms


def told(name: str, found: Detections, album: Album) -> Iterator[Dict[str, Any]]:
    """An object for each detection: box as x1 y1 x2 y2 in pixels; of a classifier's photo its class."""
    for box, score, label in zip(found.boxes, found.scores, found.classes):
        one = {"photo": name, "label": album.labels[int(label)], "score": round(float(score), 4)}
        corners = [round(float(side), 2) for side in box]
        yield one if album.whole else dict(one, box=corners)


def surest(one: Dict[str, Any]) -> str:
    """`disc 0.54`."""
    return "{} {:.2f}".format(one["label"], one["score"])


def counted(found: Sequence[Detections], labels: Sequence[str]) -> str:
    """`3 cat, 1 dog`."""
    every = [int(label) for one in found for label in one.classes]
    return (
        ", ".join("{} {}".format(every.count(place), name) for place, name in enumerate(labels) if place in every)
        or "nothing"
    )
