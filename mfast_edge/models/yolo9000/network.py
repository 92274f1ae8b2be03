"""The YOLO9000 network: two maps of a backbone joined, then boxes, objectness and classes of every anchor."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from mfast_edge.backbones.blocks import Block


class Separable(nn.Module):
    """A depthwise 3x3 block, then a 1x1 block."""

    def __init__(self, side: int, inside: int, outside: int):
        super().__init__()
        self.depthwise = Block(side, (inside, inside), 3, groups=inside)
        self.pointwise = Block(side, (inside, outside))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) → (B, outside, H, W)."""
        return self.pointwise(self.depthwise(x))


class Head(nn.Module):
    """The paper's last convolution in three, each with a range of its own in int8: what they give is the same."""

    def __init__(self, inside: int, anchors: int, nodes: int):
        super().__init__()
        self.box = nn.Conv2d(inside, anchors * 4, 1)
        self.object = nn.Conv2d(inside, anchors, 1)
        self.classify = nn.Conv2d(inside, anchors * nodes, 1)
        self.nodes = nodes
        for layer in (self.box, self.object, self.classify):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.object.bias, -log(99))  # type: ignore[arg-type] # every score starts at 0.01

    @property
    def inside(self) -> int:
        """Channels of the map that it reads, whatever compression made of its convolutions."""
        return next(one for one in self.box.modules() if isinstance(one, nn.Conv2d)).in_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, inside, side, side) → (B, N, 4), (B, N, 1), (B, N, nodes), a row for each anchor, cell by cell."""
        return rows(self.box(x), 4), rows(self.object(x), 1), rows(self.classify(x), self.nodes)


class YOLO(nn.Module):
    """Images (B, 3, size, size) RGB 0..255 → box codes (B, N, 4) ty tx th tw, objectness (B, N, 1), class logits.

    Any size that is a multiple of 32 will do, whatever the size that it was built for.
    """

    def __init__(self, backbone: nn.Module, before: nn.Module, thin: nn.Module, after: nn.Module, head: Head):
        super().__init__()
        self.backbone, self.before, self.thin, self.after, self.head = backbone, before, thin, after, head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw outputs; normalisation to -1..1 is the graph's first node."""
        return self.predict(self.maps(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The one feature map (B, C, side, side) that the head reads."""
        fine, coarse = self.backbone((images - 128) / 128)
        return [self.after(torch.cat([reorganised(self.thin(fine)), self.before(coarse)], 1))]

    def predict(self, maps: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Raw outputs of `maps`."""
        found: tuple[Tensor, Tensor, Tensor] = self.head(maps[0])
        return found


def reorganised(x: Tensor) -> Tensor:
    """(B, C, 2S, 2S) → (B, 4C, S, S): every other row and column of all channels, four times (the passthrough of
    Redmon 2017, section 2). As slices, which pruning can follow to each of the four."""
    return torch.cat([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], 1)


def rows(x: Tensor, wide: int) -> Tensor:
    """(B, anchors · wide, side, side) → (B, side · side · anchors, wide)."""
    return x.permute(0, 2, 3, 1).reshape(int(x.shape[0]), -1, wide)


def heads(network: nn.Module) -> list[nn.Module]:
    """The convolutions whose outputs are anchors × (4, 1 or nodes); the last one of a decomposed head."""
    found = [
        leaf
        for module in network.modules()
        if isinstance(module, Head)
        for leaf in (module.box, module.object, module.classify)
    ]
    return [leaf[-1] if isinstance(leaf, nn.Sequential) else leaf for leaf in found]
