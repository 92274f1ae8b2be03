"""Logits as logarithms of probabilities: sigmoids, or softmaxes over the siblings of a tree."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mfast_edge.models.yolo9000.decode import spans


class Scores:
    """How the classes of `facts` are scored."""

    def __init__(self, facts: dict[str, Any]):
        self.parents = facts["parents"]
        self.nodes = torch.tensor(facts["nodes"])
        self.spans = spans(self.parents) if self.parents else []
        self.paths = padded([path(self.parents, node) for node in facts["nodes"]]) if self.parents else None

    def conditional(self, logits: Tensor) -> Tensor:
        """(…, nodes) logits → log-probabilities given the parent; of sigmoids, of the class itself."""
        if not self.spans:
            return F.logsigmoid(logits)
        if len(self.spans) == 1:
            return F.log_softmax(logits, -1)
        return torch.cat([F.log_softmax(logits[..., first:end], -1) for first, end in self.spans], -1)

    def loss(self, logits: Tensor, classes: Tensor, *, alone: bool = False) -> Tensor:
        """Cross-entropy of (…, nodes) logits with classes (…): of a tree, along the path from the top to the class
        and no further (Redmon 2017, section 4). `alone`: of sigmoids the class's own only, others may be there too.
        """
        if self.paths is None:
            wanted = F.one_hot(classes, len(self.nodes)).to(logits.dtype)
            if alone:
                return -F.logsigmoid((logits * wanted).sum(-1))
            every = F.binary_cross_entropy_with_logits(logits.expand(wanted.shape), wanted, reduction="none")
            return every.sum(-1)
        paths = self.paths.to(classes.device)[classes]  # (…, depth), -1 behind the end
        logs = self.conditional(logits)
        logs = logs.expand(*paths.shape[:-1], logs.shape[-1])
        return -(logs.gather(-1, paths.clamp(min=0)) * (paths >= 0)).sum(-1)


def path(parents: list[int], node: int) -> list[int]:
    """A node and all above it."""
    found = []
    while node >= 0:
        found.append(node)
        node = parents[node]
    return found


def padded(rows: list[list[int]]) -> Tensor:
    """Rows of one length, -1 behind their end."""
    longest = max(map(len, rows))
    return torch.tensor([row + [-1] * (longest - len(row)) for row in rows])
