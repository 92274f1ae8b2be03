"""Which predictor of which cell is to find which box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Objects:
    """The N objects of a batch: boxes (N, 4) cx cy w h in parts of the image, classes, ignore, and for each the
    number of its cell, counted through the whole batch."""

    boxes: Tensor
    classes: Tensor
    ignore: Tensor
    cells: Tensor


def objects(truths: Sequence[Sequence[Tensor]], size: tuple[int, int], grid: int) -> Objects:
    """The truths of a batch (boxes (M, 4) x1 y1 x2 y2 in input pixels, classes (M,), ignore (M,), …); `size`: width,
    height. An object belongs to the cell that its centre falls into; one without an area to none."""
    scale = torch.tensor([*size, *size], dtype=torch.float32)
    edges = torch.cat([boxes for boxes, *_ in truths]).float() / scale
    classes, ignore = (torch.cat([truth[place] for truth in truths]) for place in (1, 2))
    image = torch.repeat_interleave(torch.arange(len(truths)), torch.tensor([len(truth[0]) for truth in truths]))
    sides = edges[:, 2:] - edges[:, :2]
    boxes = torch.cat([(edges[:, :2] + edges[:, 2:]) / 2, sides], 1)
    column, row = (boxes[:, :2] * grid).long().clamp(0, grid - 1).T
    there = (sides > 0).all(1)
    cells = (image * grid + row) * grid + column
    return Objects(boxes[there], classes[there], ignore[there], cells[there])


def code(boxes: Tensor, cells: Tensor, grid: int) -> Tensor:
    """(N, 4) cx cy w h in cells of these numbers → x y √w √h."""
    corner = torch.stack([cells % grid, cells // grid % grid], 1)
    return torch.cat([boxes[:, :2] * grid - corner, boxes[:, 2:].sqrt()], 1)


def places(codes: Tensor, cells: Tensor, grid: int) -> Tensor:
    """(…, 4) x y √w √h in cells of these numbers (…) → cx cy w h: `code` undone."""
    corner = torch.stack([cells % grid, cells // grid % grid], -1)
    return torch.cat([(codes[..., :2] + corner) / grid, codes[..., 2:4].clamp(min=0).square()], -1)


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """(…) intersection over union of (…, 4) cx cy w h boxes."""
    low = torch.maximum(one[..., :2] - one[..., 2:] / 2, other[..., :2] - other[..., 2:] / 2)
    high = torch.minimum(one[..., :2] + one[..., 2:] / 2, other[..., :2] + other[..., 2:] / 2)
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (one[..., 2:].prod(-1) + other[..., 2:].prod(-1) - shared).clamp(min=1e-9)


def likeness(one: Tensor, other: Tensor) -> Tensor:
    """(…) how well boxes go together: their IoU, or, where they share nothing, minus their distance."""
    overlap = overlaps(one, other)
    return torch.where(overlap > 0, overlap, -(one - other).square().mean(-1).sqrt())


def responsible(scores: Tensor, cells: Tensor) -> Tensor:
    """(N,) the predictor that is to find each object, -1 for none; `scores` (N, B) of each with its cell's predictors.

    The best pair of a cell first (Redmon 2016, section 2), then the best of what is left: a predictor finds one
    object, so a cell with more objects than predictors leaves the worst matched ones out.
    """
    found = torch.full((len(cells),), -1, dtype=torch.long, device=cells.device)
    left = scores.clone()
    for _ in range(scores.shape[1]):
        best, which = left.max(1)
        rows = firsts(best, cells)
        rows = rows[best[rows] > -torch.inf]
        found[rows] = which[rows]
        left[rows] = -torch.inf
        taken = cells[:, None] == cells[rows]
        objects, winners = taken.nonzero(as_tuple=True)
        left[objects, which[rows[winners]]] = -torch.inf
    return found


def firsts(best: Tensor, cells: Tensor) -> Tensor:
    """The number of each cell's best object."""
    order = best.argsort(descending=True, stable=True)
    order = order[cells[order].argsort(stable=True)]
    sorted_cells = cells[order]
    new = torch.ones_like(sorted_cells, dtype=torch.bool)
    new[1:] = sorted_cells[1:] != sorted_cells[:-1]
    return order[new]
