"""YOLOv1's sum of squared errors (Redmon 2016, equation 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mfast_edge.models.yolov1.targets import Objects, code, likeness, objects, overlaps, places, responsible

COORD, EMPTY = 5.0, 0.5  # λ_coord, λ_noobj

Truth = Sequence[Tensor]  # boxes (M, 4) x1 y1 x2 y2 in input pixels, classes (M,), ignore (M,), …


class Squares:
    """Squared errors of places and √sides times 5, of confidences (times .5 where there is nothing), of classes."""

    def __init__(self, facts: dict[str, Any]):
        self.grid, self.boxes = facts["grid"], facts["boxes"]
        self.size = (facts["width"], facts["height"])

    def __call__(self, outputs: tuple[Tensor, Tensor], truths: Sequence[Truth]) -> dict[str, Tensor]:
        """Boxes (B, S²·B, 5) and classes (B, S², C) against B truths → {"box", "object", "empty", "class"}, summed
        over an image, the mean over images. What a predictor's confidence is to be is its IoU with its object.

        Cells with ignored objects, and nothing else to find, learn no confidence: those of their centres and all whose
        own centres lie in them. Where objects of several classes share a
        cell, its class probabilities are to be their shares.
        """
        codes, kinds = outputs[0].float(), outputs[1].float().flatten(0, 1)
        codes = codes.reshape(-1, self.boxes, 5)  # of every cell of the batch
        every = self.moved(objects(truths, self.size, self.grid), codes.device)
        wanted = ~every.ignore
        boxes, classes, cells = every.boxes[wanted], every.classes[wanted], every.cells[wanted]
        with torch.no_grad():
            there = places(codes[cells], cells[:, None], self.grid)
            which = responsible(likeness(there, boxes[:, None]), cells)
        rows = (which >= 0).nonzero().flatten()
        place = (cells[rows], which[rows])
        with torch.no_grad():
            sure = overlaps(there[rows, which[rows]], boxes[rows])
        busy = torch.zeros_like(codes[..., 4], dtype=torch.bool)
        busy[place] = True
        quiet = ~busy & ~hidden(every, busy, self.grid)[:, None]
        box = codes[place][:, :4] - code(boxes[rows], cells[rows], self.grid)
        terms = {
            "box": COORD * box.square().sum(),
            "object": (codes[place][:, 4] - sure).square().sum(),
            "empty": EMPTY * codes[..., 4][quiet].square().sum(),
            "class": self._classify(kinds, classes[rows], cells[rows]),
        }
        return {name: term / len(truths) for name, term in terms.items()}

    @staticmethod
    def moved(found: Objects, device: torch.device) -> Objects:
        """The objects where the outputs are."""
        return Objects(*(one.to(device) for one in (found.boxes, found.classes, found.ignore, found.cells)))

    @staticmethod
    def _classify(kinds: Tensor, classes: Tensor, cells: Tensor) -> Tensor:
        counts = torch.zeros_like(kinds)
        counts.index_put_((cells, classes), counts.new_ones(len(cells)), accumulate=True)
        busy = counts.sum(1) > 0
        shares = counts[busy] / counts[busy].sum(1, keepdim=True)
        return (kinds[busy] - shares).square().sum()


def hidden(every: Objects, busy: Tensor, grid: int) -> Tensor:
    """Which cells hold the centre of an ignored object, or have theirs in one, and no predictor at work."""
    boxes, cells = every.boxes[every.ignore], every.cells[every.ignore]
    middle = (torch.arange(grid, device=boxes.device) + 0.5) / grid
    near = (middle - boxes[:, :2, None]).abs() <= boxes[:, 2:, None] / 2  # (M, 2, grid)
    rows, spots = (near[:, 1, :, None] & near[:, 0, None, :]).flatten(1).nonzero(as_tuple=True)
    found = torch.zeros(len(busy), dtype=torch.bool, device=busy.device)
    found[cells] = True
    found[cells[rows] // grid**2 * grid**2 + spots] = True
    return found & ~busy.any(1)
