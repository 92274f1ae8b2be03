"""Training augmentation: torchvision's SSD transforms, and last the resize that the board uses too.

Order and sizes keep it cheap: the crop comes first (a view, no copy) and is shrunk to the input size before
colours are changed.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from mfast_edge.data.sample import Truth
from mfast_edge.models.resize import resize
from mfast_edge.recipe import Flips

OVERLAPS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # SSD paper, section 2.2; 1.0 is torchvision's word for no crop
CROPPED = 0.7  # share of photos that a crop is tried on; this and the next four are measured: see DECISIONS
SIDE = 0.4  # a crop's shortest side, of the photo's
ASPECT = 1.5  # a crop's longest side, of its other, both of the photo's
ZOOMED = 0.4  # share of photos that are zoomed out
ZOOM = 1.5  # the zoomed-out photo's longest side, of the photo's
TRIALS = 10  # crops tried per overlap; torchvision's 40 cost up to 17 ms on small objects
MEAN = (124, 116, 104)  # ImageNet's, under the zoomed-out photo
CROPS = [
    v2.RandomIoUCrop(
        min_scale=SIDE,
        min_aspect_ratio=1 / ASPECT,
        max_aspect_ratio=ASPECT,
        sampler_options=[*OVERLAPS[:n], 1.0],
        trials=TRIALS,
    )
    for n in range(len(OVERLAPS) + 1)
]
CLEAN = v2.SanitizeBoundingBoxes(min_size=1.0, labels_getter=lambda sample: sample["row"])
HUE = 0.05  # largest turn, of the whole circle
PAINT = v2.Compose(
    [  # RandomPhotometricDistort's steps, odds and ranges, but for hue: see `hued`
        v2.RandomApply([v2.ColorJitter(brightness=(0.875, 1.125))]),
        v2.RandomApply([v2.ColorJitter(contrast=(0.5, 1.5))]),
        v2.RandomApply([v2.ColorJitter(saturation=(0.5, 1.5))]),
        v2.RandomApply([v2.RandomChannelPermutation()]),
        v2.RandomHorizontalFlip(),
        v2.RandomZoomOut(fill={tv_tensors.Image: MEAN, "others": 0}, side_range=(1.0, ZOOM), p=ZOOMED),
    ]
)
TURN = v2.RandomVerticalFlip()  # last, so that what is drawn before it stays the same with and without
Parts = dict[str, Any]  # image: (3, H, W), boxes: (N, 4), row: (N,) numbers of the truth's objects


class Sample(NamedTuple):
    """A network's input (size, size, 3) uint8 RGB, N objects, boxes x1 y1 x2 y2 float32 in its pixels, and the
    image-level class numbers (K,) int64."""

    image: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    ignore: np.ndarray
    labels: np.ndarray


def plain(photo: np.ndarray, truth: Truth, size: int) -> Sample:
    """The photo and its truth at input size, unchanged otherwise: what evaluation and a board see."""
    boxes = truth.boxes * scale(photo, size)
    return Sample(resize(photo, (size, size)), boxes, truth.classes, truth.ignore, labelled(truth))


def augment(photo: np.ndarray, truth: Truth, size: int, *, seed: int, flips: Flips = "horizontal") -> Sample:
    """A random variant of an (H, W, 3) uint8 photo and its truth (boxes in its pixels) at input size.

    `seed` alone decides it; the global random state is left as it was. Objects whose centre is cropped away
    are gone, the others' boxes are cut to the crop; of what is ignored stays whatever part is in it. With `flips` both,
    half of all photos are upside down, whether mirrored or not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed the GPUs
        parts = PAINT(shrunk(cropped(parted(photo, truth), torch.from_numpy(truth.ignore)), size))
        parts = TURN(parts) if flips == "both" else parts
    image, rows = pixels(parts), parts["row"].numpy()
    boxes = parts["boxes"].numpy() * scale(image, size)
    return Sample(resize(image, (size, size)), boxes, truth.classes[rows], truth.ignore[rows], labelled(truth))


def labelled(truth: Truth) -> np.ndarray:
    """The image-level class numbers as an array."""
    return np.array(truth.labels, np.int64)


def scale(photo: np.ndarray, size: int) -> np.ndarray:
    """(4,) what the photo's x y x y are multiplied by at input size."""
    height, width = photo.shape[:2]
    return np.array([size / width, size / height] * 2, np.float32)


def parted(photo: np.ndarray, truth: Truth) -> Parts:
    image = torch.from_numpy(photo).permute(2, 0, 1)
    return wrapped(image, torch.from_numpy(truth.boxes), torch.arange(len(truth.boxes)))


def wrapped(image: torch.Tensor, boxes: torch.Tensor, rows: torch.Tensor) -> Parts:
    """What the transforms know how to turn together."""
    shape = (image.shape[1], image.shape[2])
    around = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=shape)
    return {"image": tv_tensors.Image(image), "boxes": around, "row": rows}


def pixels(parts: Parts) -> np.ndarray:
    """The image as OpenCV wants it, (H, W, 3)."""
    return np.asarray(cv2.merge(list(parts["image"].numpy())))


def cropped(parts: Parts, ignore: torch.Tensor) -> Parts:
    """SSD's crop around some object; a photo without objects stays whole, as no crop could be judged.

    Of a region to be ignored, (N,) `ignore`, any part in the crop is kept: without it what is there would be
    learnt as background.
    """
    if not len(parts["boxes"]) or float(torch.rand(1)) >= CROPPED:
        return parts
    crop = CROPS[reachable(parts["boxes"])]
    where = crop.make_params([parts["image"], parts["boxes"]])
    if where:
        where["is_within_crop_area"] |= ignore
    cut: Parts = CLEAN({**parts, **{name: crop.transform(parts[name], where) for name in ("image", "boxes")}})
    return cut


def reachable(boxes: tv_tensors.BoundingBoxes) -> int:
    """How many of OVERLAPS some crop can reach. The others would only be tried in vain and drawn again:
    a crop of at least SIDE * SIDE of the photo overlaps a box by at most box / crop."""
    height, width = boxes.canvas_size
    largest = float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).max())
    return sum(overlap * SIDE**2 * height * width <= largest for overlap in OVERLAPS)


def shrunk(parts: Parts, size: int) -> Parts:
    """No side longer than `size` (what is above it would be lost in the last step anyway), hue turned.

    Channels become planes (cv2.split: ten times faster than torch's copy), on which colours change faster.
    """
    whole = np.ascontiguousarray(parts["image"].permute(1, 2, 0).numpy())
    height, width = min(whole.shape[0], size), min(whole.shape[1], size)
    small = hued(resize(whole, (height, width)))
    factors = torch.tensor([width / whole.shape[1], height / whole.shape[0]] * 2)
    boxes = parts["boxes"].as_subclass(torch.Tensor) * factors
    return wrapped(torch.from_numpy(np.stack(cv2.split(small))), boxes, parts["row"])


def hued(photo: np.ndarray) -> np.ndarray:
    """Every other photo with its hues turned. By OpenCV: at 300x300 0.4 ms, torchvision's takes 5 ms."""
    chance, turn = torch.rand(2).tolist()
    if chance < 0.5:
        return photo
    hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(round((2 * turn - 1) * HUE * 256) % 256)  # wraps around, as hues do
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL))
