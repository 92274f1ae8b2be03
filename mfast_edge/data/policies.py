"""Augmentation of photos that are classified as a whole: policies by name, torchvision's.

Order keeps it cheap: a crop (a view), the resize that the board uses, a flip, then the policy on so small a photo;
through Pillow, which torchvision's transforms run on two to three times as fast as on tensors (RandAugment of 128x128:
0.22 ms instead of 0.62).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from mfast_edge.data.augment import MEAN, Sample, labelled
from mfast_edge.data.sample import Truth
from mfast_edge.models.resize import resize
from mfast_edge.recipe import Policy

GRID = torch.empty(()).expand(3, 1024, 1024)  # crops are drawn on a square, whatever the photo: see `crop`
GREY = 124.0  # what is erased


def varied(photo: np.ndarray, truth: Truth, size: int, *, seed: int, policy: Policy) -> Sample:
    """A random variant of an (H, W, 3) uint8 photo at input size, with its labels and without objects.

    `seed` alone decides it; the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed the GPUs
        image = painted(flipped(resize(cropped(photo, policy.crop), (size, size)), policy), policy)
    nothing = np.zeros(0, np.int64)
    return Sample(image, np.zeros((0, 4), np.float32), nothing, nothing.astype(bool), labelled(truth))


def cropped(photo: np.ndarray, least: float) -> np.ndarray:
    """A view of at least the share `least` of the photo (Szegedy 2015), its sides as parts of the photo's 3:4 to 4:3.

    Parts, for the board stretches a whole photo to the input, and a crop of a wide photo must look as stretched.
    """
    found = cropper(least).make_params([GRID])
    height, width = photo.shape[:2]
    top, bottom = (round(at * height / GRID.shape[1]) for at in (found["top"], found["top"] + found["height"]))
    left, right = (round(at * width / GRID.shape[2]) for at in (found["left"], found["left"] + found["width"]))
    return photo[top : max(bottom, top + 1), left : max(right, left + 1)]


def flipped(photo: np.ndarray, policy: Policy) -> np.ndarray:
    """Half of all photos mirrored, and with flips both half of them upside down."""
    mirrored, turned = (torch.rand(2) < 0.5).tolist()
    photo = photo[:, ::-1] if mirrored else photo
    return photo[::-1] if turned and policy.flips == "both" else photo


def painted(photo: np.ndarray, policy: Policy) -> np.ndarray:
    """The photo as the policy's torchvision transform leaves it, and with what is to be erased erased."""
    transform = transformed(policy.name, policy.operations, policy.level)
    if transform:
        photo = np.array(transform(Image.fromarray(np.ascontiguousarray(photo))))
    if policy.erase:
        planes = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)
        photo = eraser(policy.erase)(planes).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(photo)


@cache
def cropper(least: float) -> Any:
    """What draws crops."""
    return v2.RandomResizedCrop(1, scale=(least, 1.0))


@cache
def eraser(odds: float) -> Any:
    """What erases a rectangle (Zhong 2020; Cutout, DeVries 2017)."""
    return v2.RandomErasing(odds, value=GREY)


@cache
def transformed(name: str, operations: int, level: int) -> Callable[[Any], Any] | None:
    """What a policy does to a Pillow image; None where it does nothing."""
    made: dict[str, Callable[[], Any]] = {
        "simple": lambda: None,
        "randaugment": lambda: v2.RandAugment(operations, level, fill=list(MEAN)),
        "trivialaugment": lambda: v2.TrivialAugmentWide(fill=list(MEAN)),
        "autoaugment": lambda: v2.AutoAugment(fill=list(MEAN)),
        "augmix": lambda: v2.AugMix(fill=list(MEAN)),
    }
    found: Callable[[Any], Any] | None = made[name]()
    return found
