"""An SSD on other anchors: which ones the data use, and where a head's outputs come from when some go."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np
import torch

from mfast_edge.models.priors import Truths, clustered, likeness, sides
from mfast_edge.models.ssd.build import Build, Shape, levels
from mfast_edge.models.ssd.decode import anchors
from mfast_edge.models.ssd.targets import assign, corners

Table = list[list[list[float]]]  # (height, width) of the anchors of every level


def matches(table: Table, known: dict[str, Any], truths: Truths) -> list[list[int]]:
    """How many anchors of each shape of each level find an object of `truths` (targets.assign); `known`: facts."""
    base = corners(torch.from_numpy(anchors(known)))
    owner = [
        (level, shape)
        for level, side in zip(levels(table), known["maps"], strict=True)
        for _ in range(side * side)
        for shape in range(len(table[level]))
    ]
    found = torch.zeros(len(base), dtype=torch.long)
    for boxes, ignore in truths:
        found += assign(base, torch.from_numpy(boxes).float(), torch.from_numpy(ignore)) >= 0
    counts = [[0] * len(level) for level in table]
    for (level, shape), count in zip(owner, found.tolist(), strict=True):
        counts[level][shape] += count
    return counts


def fewer(build: Build, table: Table, counts: Sequence[Sequence[int]], share: float) -> Build:
    """The build without the shapes that make up no more than `share` of all matches, together on their level;
    a level whose shapes all go is dropped. Where nothing matches, nothing is dropped."""
    least = share * sum(map(sum, counts))
    kept = tuple(
        tuple(as_shape(shape) for shape, count in zip(level, row, strict=True) if count > least)
        for level, row in zip(table, counts, strict=True)
    )
    return build.model_copy(update={"anchors": kept}) if any(kept) else build


def fitted(build: Build, table: Table, truths: Truths, count: int) -> Build:
    """The build with `count` shapes at the most, those that the objects of `truths` have: k-means over the
    logarithms of height and width (as Redmon 2017, section 2, with ratios of sides for a distance). Each goes to
    the level whose shapes so far are nearest in size. Where nothing is to be found, the build as it is."""
    points = np.log(sides(truths))
    if not len(points):
        return build
    places = {level: float(np.log(np.array(table[level])).mean()) for level in levels(table)}
    found: list[list[Shape]] = [[] for _ in table]
    for shape in sorted(clustered(points, count).tolist(), key=sum):
        level = min(places, key=lambda level: abs(places[level] - sum(shape) / 2))
        found[level].append((round(exp(shape[0]), 4), round(exp(shape[1]), 4)))
    return build.model_copy(update={"anchors": tuple(map(tuple, found))})


def sources(before: Table, after: Table) -> dict[int, list[int]]:
    """{level: for each of its new shapes the old one of the same level that overlaps it most}."""
    return {
        level: likeness(np.array(shapes), np.array(before[level])).argmax(1).tolist()
        for level, shapes in enumerate(after)
        if shapes and before[level]
    }


def outputs(before: Table, after: Table, kinds: int) -> dict[str, list[int]]:
    """{path of a head's convolution: the old output channel that each new one comes from}; so many `kinds`."""
    return {
        f"heads.{level}.{leaf}": [source * wide + channel for source in chosen for channel in range(wide)]
        for level, chosen in sources(before, after).items()
        for leaf, wide in (("box", 4), ("classify", kinds))
    }


def as_shape(shape: Sequence[float]) -> Shape:
    """(height, width)."""
    return shape[0], shape[1]
