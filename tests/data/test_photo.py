"""Every mode and orientation ends as the RGB array that a viewer would show."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfast_edge.data import photo
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from tests.data import draw

RED = (250, 10, 20)


def saved(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (4, 3), 77), (77, 77, 77)),
        (Image.new("1", (4, 3), 1), (255, 255, 255)),
        (Image.new("RGB", (4, 3), RED), RED),
        (Image.new("RGB", (4, 3), RED).convert("P", palette=Image.Palette.ADAPTIVE), RED),
        (Image.new("RGBA", (4, 3), (*RED, 255)), RED),
        (Image.new("RGBA", (4, 3), (*RED, 0)), (0, 0, 0)),
        (Image.new("LA", (4, 3), (200, 255)), (200, 200, 200)),
        (Image.fromarray(np.full((3, 4), 65535, np.uint16)), (255, 255, 255)),
        (Image.fromarray(np.full((3, 4), 0x1234, np.uint16)), (0x12, 0x12, 0x12)),
    ],
    ids=["grey", "bilevel", "rgb", "palette", "opaque", "clear", "grey-alpha", "deep-white", "deep"],
)
def test_every_mode_reads_as_rgb(image: Image.Image, expected: tuple[int, ...], tmp_path: Path) -> None:
    pixels = photo.load_path(saved(tmp_path / "a.png", image))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.broadcast_to(expected, (3, 4, 3)))


def test_a_clear_palette_colour_lies_over_black(tmp_path: Path) -> None:
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, *RED])
    image.info["transparency"] = 1
    assert not photo.load_path(saved(tmp_path / "a.png", image)).any()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_predicting_turns_a_photo_as_a_viewer_does(orientation: int, tmp_path: Path) -> None:
    path = draw.turned(tmp_path / "a.png", orientation)
    stored = np.asarray(Image.open(path))
    expected = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).transpose(1, 0, 2),
        8: np.rot90(stored, 1),
    }
    np.testing.assert_array_equal(photo.load_path(path), expected[orientation])


def test_a_record_is_loaded_at_the_size_that_its_boxes_mean(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    draw.turned(root / "JPEGImages" / "p0.jpg", 6)
    draw.xml(root / "Annotations" / "p0.xml", (30, 40), [("cat", (1, 2, 20, 25), 0)])
    for record in read(f"voc:{root}", cache=tmp_path).records:
        assert photo.load(record).shape == (record.height, record.width, 3)


@pytest.mark.parametrize("damage", ["truncated", "missing", "text", "smaller"])
def test_a_photo_damaged_after_reading_is_named(damage: str, tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    record = read(f"voc:{root}", cache=tmp_path).records[0]
    if damage == "truncated":
        draw.truncated(record.path)
    elif damage == "missing":
        record.path.unlink()
    elif damage == "text":
        record.path.write_text("hello")
    else:
        draw.photo(record.path, (20, 15))
    with pytest.raises(UserError, match=record.path.name):
        photo.load(record)


def test_pixels_of_unknown_range_are_refused_when_loaded_and_reported_when_read(tmp_path: Path) -> None:
    root = draw.voc(tmp_path / "d")
    (root / "JPEGImages" / "p0.jpg").unlink()
    path = saved(root / "JPEGImages" / "p0.tif", Image.fromarray(np.zeros((30, 40), np.float32)))
    with pytest.raises(UserError, match="pixels of mode F"):
        photo.load_path(path)
    report = read(f"voc:{root}", cache=tmp_path).report
    assert [str(one) for one in report] == ["JPEGImages/p0.tif: pixels of mode F; photo left out"]
