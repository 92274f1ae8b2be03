"""Small builds, trees and truths that the tests share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mfast_edge.models.yolo9000.build import Build
from mfast_edge.models.yolo9000.tree import rows

SHAPES = ((0.1, 0.2), (0.4, 0.3))
TREE = rows({"animal": {"dog": ["terrier", "beagle"], "cat": None}, "thing": ["cup", "pen"]})


def build(**given: Any) -> Build:
    """96 px, a grid of 3, two anchors, two classes."""
    return Build(**{"classes": ("a", "b"), "size": 96, "width": 0.25, "anchors": SHAPES, **given})


def grown(**given: Any) -> Build:
    """The same with a tree of eight nodes, four of them classes."""
    return build(classes=("terrier", "beagle", "cup", "animal"), tree=TREE, **given)


def truth(*rows: tuple[int, float, float, float, float], labels: tuple[int, ...] = (), ignore: bool = False) -> Any:
    """(class, x1, y1, x2, y2) rows in parts of a 96 px image, as the loss takes them."""
    boxes = torch.tensor([row[1:] for row in rows]).reshape(-1, 4) * 96
    classes = torch.tensor([row[0] for row in rows], dtype=torch.long)
    return boxes, classes, torch.full((len(rows),), ignore), torch.tensor(labels, dtype=torch.long)


def silent(settings: Build, objects: float = -9.0) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs of one image that find nothing."""
    count = 9 * len(settings.table)
    return torch.zeros(1, count, 4), torch.full((1, count, 1), objects), torch.zeros(1, count, settings.nodes)
