"""A YOLO9000 on other anchors: which ones the data use, and where the head's outputs come from when some go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mfast_edge.models.priors import Truths, likeness
from mfast_edge.models.yolo9000.build import STRIDE, Build, Shape
from mfast_edge.models.yolo9000.targets import NOBODY, assign


def matches(build: Build, truths: Truths) -> list[int]:
    """How many objects of `truths` each anchor shape is to find (targets.assign)."""
    shapes, side = torch.tensor(build.table), build.size // STRIDE
    counts = torch.zeros(len(shapes), dtype=torch.long)
    for boxes, ignore in truths:
        places = assign(shapes, side, torch.from_numpy(boxes[~ignore]).float())
        counts += torch.bincount(places[places != NOBODY] % len(shapes), minlength=len(shapes))
    found: list[int] = counts.tolist()
    return found


def fewer(build: Build, counts: Sequence[int], share: float) -> Build:
    """The build without the shapes that make up no more than `share` of all matches. Where nothing matches, all."""
    least = share * sum(counts)
    kept = tuple(shape for shape, count in zip(build.table, counts, strict=True) if count > least)
    return build.model_copy(update={"anchors": kept}) if kept else build


def outputs(old: Build, new: Build) -> dict[str, list[int]]:
    """{path of a head's convolution: the old output channel that each new one comes from}: a new shape comes from
    the old one that is most like it."""
    chosen = like(new.table, old.table)
    return {
        f"head.{leaf}": [source * wide + channel for source in chosen for channel in range(wide)]
        for leaf, wide in (("box", 4), ("object", 1), ("classify", new.nodes))
    }


def like(shapes: Sequence[Shape], others: Sequence[Shape]) -> list[int]:
    """For each shape the number of the other one most like it."""
    found: list[int] = likeness(np.array(shapes), np.array(others)).argmax(1).tolist()
    return found
