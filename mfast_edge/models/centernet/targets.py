"""Where the heatmap is to be how high, and what sizes and offsets are asked for where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Targets:
    """For B images: heat (B, C, side, side) 0..1, cells that count (B, side, side), and of all N objects the image,
    class, row and column (N,), sizes and offsets (N, 2) x y in cells."""

    heat: Tensor
    counted: Tensor
    image: Tensor
    kind: Tensor
    row: Tensor
    column: Tensor
    sizes: Tensor
    offsets: Tensor


def targets(truths: Sequence[Any], shape: tuple[int, int], cells: float, overlap: float) -> Targets:
    """What `truths` (boxes x1 y1 x2 y2 in pixels, classes, ignore, …) ask of maps of `shape` (classes, side).

    `cells` are those of a pixel. Ignored objects ask for nothing, and cells that they lie on, for any class, do not
    count but where another object's centre is.
    """
    objects = [(boxes[~ignore].float() * cells, classes[~ignore]) for boxes, classes, ignore, *_ in truths]
    left_out = [boxes[ignore].float() * cells for boxes, _, ignore, *_ in truths]
    boxes, kind = (torch.cat(part) for part in zip(*objects, strict=True))
    image = torch.repeat_interleave(torch.tensor([len(one) for one, _ in objects]))
    centre, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    cell = centre.long().clamp(0, shape[1] - 1)
    column, row = cell[:, 0], cell[:, 1]
    wide = spread(sizes, overlap)
    heat = torch.stack(
        [heatmap(cell[image == n], wide[image == n], kind[image == n], shape) for n in range(len(truths))]
    )
    counted = torch.stack([outside(one, shape[1]) for one in left_out])
    return Targets(heat, counted, image, kind, row, column, sizes, centre - cell)


def radius(sizes: Tensor, overlap: float) -> Tensor:
    """(N,) by how much both corners of (N, 2) boxes may be off, along each axis and in any direction, for an IoU of
    `overlap` at least.

    The worst that can happen is a box too small on all sides, (w - 2r)(h - 2r) = overlap · w · h: what is left of
    the other eight combinations of too small, too large and shifted along x and along y overlaps more. CornerNet's
    code, and CenterNet's after it, takes (b + √(b² - 4ac)) / 2 for the roots of three such equations: without the a
    below, and for two with the wrong sign. What comes out is 2.8 times the root of the box too large, a radius at
    which the IoU of squares is .2 at the least, not .7.
    """
    around, area = sizes.sum(1), sizes.prod(1)
    return (around - (around.square() - 4 * (1 - overlap) * area).clamp(min=0).sqrt()) / 4


def spread(sizes: Tensor, overlap: float) -> Tensor:
    """(N,) standard deviations of the Gaussians, in cells: a sixth of the diameter 2r + 1, as published."""
    return (2 * radius(sizes, overlap) + 1) / 6


def heatmap(cell: Tensor, wide: Tensor, kind: Tensor, shape: tuple[int, int]) -> Tensor:
    """(classes, side, side) the highest of Gaussians around (M, 2) cells x y, 1 there (Zhou 2019, section 3)."""
    classes, side = shape
    away = torch.arange(side)[None, None] - cell[:, :, None]  # (M, 2, side)
    along = torch.exp(-away.square() / (2 * wide.square())[:, None, None])
    every = along[:, 1, :, None] * along[:, 0, None, :]
    heat = torch.zeros(classes, side, side)
    for one in set(kind.tolist()):
        heat[one] = every[kind == one].amax(0)
    return heat


def outside(boxes: Tensor, side: int) -> Tensor:
    """(side, side) whether a cell touches none of (M, 4) boxes in cells."""
    at = torch.arange(side)
    low, high = boxes[:, :2, None].floor(), boxes[:, 2:, None]
    on = (at >= low) & ((at < high) | (at == low))  # (M, 2, side)
    return ~(on[:, 1, :, None] & on[:, 0, None, :]).any(0)
