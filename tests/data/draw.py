"""Small data sets with known dirt, written for the tests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]


def photo(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0, **options: Any) -> Path:
    """An image of random pixels, `size` being (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def turned(path: Path, orientation: int, size: tuple[int, int] = (40, 30)) -> Path:
    """A JPEG stored at `size` whose EXIF block asks for a turn."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return photo(path, size, exif=exif.tobytes())


def truncated(path: Path) -> Path:
    content = photo(path, (64, 64)).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def xml(path: Path, size: tuple[int, int], objects: list[tuple[str, Box, int]]) -> Path:
    """A VOC annotation; objects are (name, box, difficult)."""
    rows = "".join(
        f"<object><name>{name}</name><difficult>{hard}</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, (x1, y1, x2, y2), hard in objects
    )
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation><filename>{path.stem}.jpg</filename>{stated}{rows}</annotation>")
    return path


def voc(root: Path, count: int = 4, **lists: list[str]) -> Path:
    """Photos p0, p1 … with one `cat` each, and the ImageSets lists that are given."""
    for number in range(count):
        photo(root / "JPEGImages" / f"p{number}.jpg", seed=number)
        xml(root / "Annotations" / f"p{number}.xml", (40, 30), [("cat", (1, 2, 20, 25), 0)])
    for part, stems in lists.items():
        path = root / "ImageSets" / "Main" / f"{part}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(stems))
    return root


def coco(path: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> Path:
    """A COCO JSON with the categories 7 `dog` and 3 `cat`."""
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def yolo(root: Path, count: int = 4, rows: str = "0 0.5 0.5 0.5 0.4\n") -> Path:
    """images/p0.jpg … 40x30, labels/p0.txt …, and a YAML with the classes cat and dog."""
    (root / "labels").mkdir(parents=True)
    for number in range(count):
        photo(root / "images" / f"p{number}.jpg", seed=number)
        (root / "labels" / f"p{number}.txt").write_text(rows)
    (root / "data.yaml").write_text("names: {0: cat, 1: dog}\n")
    return root
