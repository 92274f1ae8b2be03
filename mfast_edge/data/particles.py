"""The embedded default data: overlapping particles, drawn by the project itself, the same everywhere.

Three shapes in random colours, 8 to 30 in a photo, the later ones lying over the earlier; then blur and
noise. Boxes and masks are of the *visible* part, since nobody can learn to see through a particle; one of
which less than a fifth shows is flagged `ignore`, and one that is wholly covered is not annotated.
"""

import json
import math
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as rle

from mfast_edge.data.report import save
from mfast_edge.errors import Unfinished, UserError

VERSION = "v1"  # raise it when a drawing would change
SEED = 20240
COUNT, SIZE = 600, 300
MOST = (8, 30)  # particles in a photo
SIDES = (10.0, 90.0)  # pixels at 300; log-uniform
BLUR = 3.0  # largest sigma, pixels at 300
NOISE = 0.1  # sigma, of the full range
HEAPED = 0.65  # share of particles that are put partly upon an earlier one
OVERLAP = (0.2, 0.6)  # how far the smaller of the two sticks out, in its own sides
VISIBLE = 0.2  # a particle showing less of itself is ignored
JPEG = [  # quality 90 with full colour: noise survives, a photo takes 0.1 MB
    *(cv2.IMWRITE_JPEG_QUALITY, 90),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]
SHAPES = {
    "disc": [(math.cos(step * math.pi / 16) / 2, math.sin(step * math.pi / 16) / 2) for step in range(32)],
    "block": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    "wedge": [(-0.5, -0.5), (0.5, -0.5), (0.0, 0.5)],
}


@dataclass(frozen=True, slots=True)
class Order:
    """How many photos, of what side in pixels."""

    count: int = COUNT
    size: int = SIZE


@dataclass(frozen=True, slots=True)
class Particle:
    """One particle: class number, corners (K, 2) in pixels, centre, longer side in pixels."""

    kind: int
    corners: np.ndarray
    centre: np.ndarray
    side: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawn photo (S, S, 3) uint8; `owner` (S, S) holds the number of the visible particle + 1, or 0."""

    photo: np.ndarray
    owner: np.ndarray
    particles: tuple[Particle, ...]


def parse(text: str) -> Order:
    """The order in `COUNT` or `COUNTxSIZE`; an empty text is the default."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text or f"{COUNT}")
    order = Order(int(match[1]), int(match[2] or SIZE)) if match else Order(0, 0)
    if order.count < 6 or not 32 <= order.size <= 2048:
        raise UserError(f"data: particles:{text}: give COUNT or COUNTxSIZE, at least 6 photos of 32 to 2048 pixels")
    return order


def draw(order: Order, cache: Path) -> Path:
    """The COCO folder with the ordered photos below `cache`, drawn if it is not finished.

    Two thirds are train, a sixth each val and test. train's JSON is written last: it marks the folder whole.
    """
    root = cache / f"particles-{VERSION}-{order.count}-{order.size}"
    last = root / "annotations" / "instances_train.json"
    if not last.is_file():
        try:
            last.parent.mkdir(parents=True, exist_ok=True)
            for part, numbers in parts(order.count).items():
                save(root / "annotations" / f"instances_{part}.json", drawn(root / part, numbers, order.size))
        except OSError as error:
            raise Unfinished(f"data: {root}: cannot be written ({error.strerror}); choose another --out") from None
    return root


def parts(count: int) -> dict[str, range]:
    """The numbers of the photos of each split, train last."""
    sixth = count // 6
    first = count - 2 * sixth
    return {"test": range(first + sixth, count), "val": range(first, first + sixth), "train": range(first)}


def drawn(folder: Path, numbers: range, size: int) -> str:
    """Draw the photos of one split into `folder`; its COCO JSON."""
    folder.mkdir(exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, rows in zip(numbers, pool.map(lambda n: one(folder, n, size), numbers), strict=True):
            images.append({"id": number, "file_name": named(number), "width": size, "height": size})
            annotations += [{"id": len(annotations) + n, "image_id": number, **row} for n, row in enumerate(rows)]
    categories = [{"id": place, "name": name} for place, name in enumerate(SHAPES)]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories})


def named(number: int) -> str:
    return f"{number:05d}.jpg"


def one(folder: Path, number: int, size: int) -> list[dict[str, Any]]:
    """Draw and store one photo; its annotations."""
    made = scene(np.random.default_rng([SEED, number, size]), size)
    store(folder / named(number), made.photo)
    return annotated(made)


def store(path: Path, photo: np.ndarray) -> None:
    """Write a JPEG in one step, so that a reader in another process never sees half of it."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), JPEG)
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    half.write_bytes(encoded.tobytes())
    os.replace(half, path)


def scene(rng: np.random.Generator, size: int) -> Scene:
    """One photo of side `size`; sides and blur scale with size / 300, noise does not."""
    particles = scattered(rng, size)
    owner = np.zeros((size, size), np.uint8)
    for number, particle in enumerate(particles, 1):
        fill(owner, particle, number)
    ground = rng.uniform(0.25, 0.75, 3)
    colours = np.concatenate([ground[None], coloured(rng, ground, len(particles))]).astype(np.float32)
    return Scene(grimed(rng, colours[owner], size), owner, particles)


def scattered(rng: np.random.Generator, size: int) -> tuple[Particle, ...]:
    """Particles in drawing order: some anywhere, HEAPED of them partly upon an earlier one."""
    found: list[Particle] = []
    for _ in range(rng.integers(MOST[0], MOST[1], endpoint=True)):
        side = math.exp(rng.uniform(*np.log(SIDES))) * size / SIZE
        centre = rng.uniform(0, size, 2)
        if found and rng.random() < HEAPED:
            under = found[rng.integers(len(found))]
            angle, reach = (
                rng.uniform(0, 2 * math.pi),
                abs(side - under.side) / 2 + rng.uniform(*OVERLAP) * min(side, under.side),
            )
            centre = under.centre + reach * np.array([math.cos(angle), math.sin(angle)])
        found.append(shaped(rng, np.clip(centre, 0, size), side))
    return tuple(found)


def shaped(rng: np.random.Generator, centre: np.ndarray, side: float) -> Particle:
    """A particle of a random shape, proportion (0.6 to 1) and angle."""
    kind, angle = int(rng.integers(len(SHAPES))), rng.uniform(0, 2 * math.pi)
    spin = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    outline = np.array(list(SHAPES.values())[kind]) * [side, side * rng.uniform(0.6, 1.0)]
    return Particle(kind, outline @ spin + centre, centre, side)


def fill(canvas: np.ndarray, particle: Particle, value: int) -> None:
    """Draw the particle into `canvas` (S, S) uint8, corners to a 16th of a pixel."""
    corners = np.round((particle.corners - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [corners], value, lineType=cv2.LINE_8, shift=4)


def coloured(rng: np.random.Generator, ground: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) colours in 0.1..0.9, each at least 0.2 away from the ground in some channel."""
    colours = rng.uniform(0.1, 0.9, (count, 3))
    dull = np.abs(colours - ground).max(1) < 0.2
    colours[dull] = np.where(ground > 0.5, ground - 0.25, ground + 0.25)
    return colours


def grimed(rng: np.random.Generator, clean: np.ndarray, size: int) -> np.ndarray:
    """Blurred and noisy: (S, S, 3) float 0..1 → uint8."""
    sigma = rng.uniform(0, BLUR) * size / SIZE
    blurred = cv2.GaussianBlur(clean, (0, 0), sigma) if sigma > 0.1 else clean
    noise = rng.standard_normal(clean.shape, np.float32) * np.float32(NOISE)
    return np.asarray(((blurred + noise).clip(0, 1) * 255).round(), np.uint8)


def annotated(made: Scene) -> list[dict[str, Any]]:
    """COCO annotations of the visible particles; `hidden` is the share that others cover."""
    rows = []
    for number, particle in enumerate(made.particles, 1):
        visible = made.owner == number
        seen = int(visible.sum())
        if seen:
            hidden = 1 - seen / area(particle, made.owner.shape)
            rows.append(row(particle.kind, visible, seen, hidden))
    return rows


def area(particle: Particle, shape: tuple[int, ...]) -> int:
    """Pixels of the photo that the particle would show if nothing lay over it."""
    alone = np.zeros(shape, np.uint8)
    fill(alone, particle, 1)
    return int(cv2.countNonZero(alone))


def row(kind: int, visible: np.ndarray, seen: int, hidden: float) -> dict[str, Any]:
    code = rle.encode(np.asfortranarray(visible, np.uint8))
    box = [float(side) for side in rle.toBbox(code)]
    mask = {"size": code["size"], "counts": code["counts"].decode()}
    ignore = int(hidden > 1 - VISIBLE)
    values = {"category_id": kind, "bbox": box, "area": seen, "hidden": round(hidden, 4)}
    return {**values, "iscrowd": 0, "ignore": ignore, "segmentation": mask}
