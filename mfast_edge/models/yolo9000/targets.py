"""Which anchor of which cell is to find which object, and the code it is to give."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mfast_edge.models.ssd.targets import corners

NOBODY = -1


def likeness(one: Tensor, other: Tensor) -> Tensor:
    """(M, A) IoU of (M, 2) and (A, 2) heights and widths on the same centre."""
    shared = torch.minimum(one[:, None], other[None]).prod(2)
    return shared / (one.prod(1)[:, None] + other.prod(1)[None] - shared)


def assign(shapes: Tensor, side: int, boxes: Tensor) -> Tensor:
    """(M,) place of the anchor that is to find each of (M, 4) boxes x1 y1 x2 y2 in parts of the image, or NOBODY.

    It is in the cell that holds the object's centre, of the shape most like the object's (Redmon 2017, section 2).
    Where that one has an object already, the next like is taken: so two in one cell are both found. A place counts
    cells row by row, then the (A, 2) shapes.
    """
    if not len(boxes):
        return torch.zeros(0, dtype=torch.long)
    centre = ((boxes[:, :2] + boxes[:, 2:]) / 2 * side).long().clamp(0, side - 1)
    cells = (centre[:, 1] * side + centre[:, 0]).tolist()
    order = likeness((boxes[:, 2:] - boxes[:, :2]).flip(1).clamp(min=1e-6), shapes).argsort(1, descending=True)
    taken: set[int] = set()
    return torch.tensor([free(cell * len(shapes), row, taken) for cell, row in zip(cells, order.tolist(), strict=True)])


def free(first: int, order: Sequence[int], taken: set[int]) -> int:
    """The first place of a cell, in this order of its shapes, that is not taken; it is then."""
    place = next((first + shape for shape in order if first + shape not in taken), NOBODY)
    taken.add(place)
    return place


def encode(boxes: Tensor, base: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """(N, 4) x1 y1 x2 y2 on (N, 4) anchors → (N, 2) y x in the cell, 0..1, and (N, 2) th tw."""
    centre = ((boxes[:, :2] + boxes[:, 2:]) / 2).flip(1) * side - base[:, :2]
    sizes = (boxes[:, 2:] - boxes[:, :2]).flip(1).clamp(min=1e-4)
    return centre.clamp(0, 1), (sizes / base[:, 2:]).log()


def decode(codes: Tensor, base: Tensor, side: int) -> Tensor:
    """(…, 4) ty tx th tw on (…, 4) anchors → x1 y1 x2 y2 in parts of the image: the numpy decoder, in torch."""
    centre = (codes[..., :2].sigmoid() + base[..., :2]) / side
    whole = torch.cat([centre, codes[..., 2:].clamp(max=4).exp() * base[..., 2:]], -1)
    return corners(whole.reshape(-1, 4)).reshape(codes.shape)
