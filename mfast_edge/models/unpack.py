"""The decoders in torch, for graphs that suppress inside: raw outputs → boxes x1 y1 x2 y2 in 0..1 and scores of all."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mfast_edge.errors import UserError


def unpacker(decoder: str, facts: dict[str, Any]) -> nn.Module:
    """A module (raw outputs of one image) → boxes (1, N, 4), scores (1, N, classes), as the numpy `decoder` gives them.

    `facts` are made ready. UserError for centernet and classifiers, which suppress nothing, and for walks down a tree.
    """
    family = decoder.split("/")[-2]
    if facts["iou_threshold"] is None:
        what = "says one class of a photo" if family == "classifier" else "has peaks for objects"
        raise UserError(f"suppress: {family} {what} and suppresses nothing; the graph as it is, is right")
    if facts.get("walk") is not None:
        raise UserError("suppress: model.walk tells one class of each object, which no NMS knows; without it is right")
    decode: nn.Module = {"ssd": Anchored, "yolov1": Cells, "yolo9000": Regions}[family](facts)
    return Best(decode, facts["candidates"]).eval()


class Best(nn.Module):
    """A decoder of which only the `count` highest scores are left: no more boxes are compared than on the board."""

    def __init__(self, decode: nn.Module, count: int):
        super().__init__()
        self.decode, self.count = decode, count

    def forward(self, *outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Scores behind the last that counts become 0; of equal ones the first stay, class by class."""
        boxes, scores = self.decode(*outputs)
        rows, classes = int(scores.shape[1]), int(scores.shape[2])
        flat = scores.transpose(1, 2).flatten(1)
        best, order = torch.topk(flat, min(self.count, rows * classes))
        kept = torch.zeros(1, rows * classes).scatter(1, order, best)
        return boxes, kept.reshape(1, classes, rows).transpose(1, 2)


class Anchored(nn.Module):
    """SSD: box codes (1, N, 4) ty tx th tw, class logits (1, N, classes)."""

    def __init__(self, facts: dict[str, Any]):
        super().__init__()
        self.base = constant(facts["anchors"])
        self.variances = constant(facts["variances"])

    def forward(self, codes: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """As models/ssd/decode.py."""
        codes = codes * self.variances
        centre = codes[..., :2] * self.base[:, 2:] + self.base[:, :2]
        half = torch.exp(codes[..., 2:].clamp(max=4)) * self.base[:, 2:] / 2
        return turned(centre, half), torch.sigmoid(logits)


class Regions(nn.Module):
    """YOLO9000: box codes (1, N, 4), objectness (1, N, 1), logits (1, N, nodes)."""

    def __init__(self, facts: dict[str, Any]):
        super().__init__()
        self.base, self.side = constant(facts["anchors"]), float(facts["maps"][0])
        self.nodes, self.spans, self.parents = list(facts["nodes"]), facts["spans"], facts["parents"]

    def forward(self, codes: Tensor, objects: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """As models/yolo9000/decode.py."""
        centre = (torch.sigmoid(codes[..., :2]) + self.base[:, :2]) / self.side
        half = torch.exp(codes[..., 2:].clamp(max=4)) * self.base[:, 2:] / 2
        return turned(centre, half), self.classes(logits) * torch.sigmoid(objects)

    def classes(self, logits: Tensor) -> Tensor:
        """Probabilities (1, N, classes), given that there is an object."""
        if self.spans is None:
            return torch.sigmoid(logits)[..., self.nodes]
        columns: list[Tensor] = []
        for first, end in self.spans:
            part = torch.softmax(logits[..., first:end], -1)
            parent = self.parents[first]
            part = part * columns[parent] if parent >= 0 else part
            columns += list(part.split(1, -1))
        return torch.cat([columns[node] for node in self.nodes], -1)


class Cells(nn.Module):
    """YOLOv1: boxes (1, N, 5) x y √w √h confidence, classes (1, cells, classes)."""

    def __init__(self, facts: dict[str, Any]):
        super().__init__()
        self.corner = constant(facts["corners"])
        self.grid, self.boxes = float(facts["grid"]), int(facts["boxes"])

    def forward(self, codes: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """As models/yolov1/decode.py."""
        centre = (codes[..., :2] + self.corner) / self.grid
        half = codes[..., 2:4].clamp(min=0).square() / 2
        each = torch.stack([kinds] * self.boxes, 2).flatten(1, 2).clamp(0, 1)
        return torch.cat([centre - half, centre + half], -1).clamp(0, 1), each * codes[..., 4:].clamp(0, 1)


def turned(centre: Tensor, half: Tensor) -> Tensor:
    """Centres y x and half sides h w → x1 y1 x2 y2, cut to the image, as boxes are before they are suppressed."""
    corners = torch.cat([centre - half, centre + half], -1).clamp(0, 1)
    return torch.cat([corners[..., one : one + 1] for one in (1, 0, 3, 2)], -1)


def constant(values: Any) -> Tensor:
    """Numbers that the graph will hold."""
    return torch.tensor(values, dtype=torch.float32)
