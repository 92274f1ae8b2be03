"""The SSD network: backbone maps, extra maps, one box and one class head on each (Liu 2016)."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from mfast_edge.backbones.blocks import Block


class Extra(nn.Module):
    """Halves the map: a 1x1 block that reduces, a 3x3 block of stride 2 that expands."""

    def __init__(self, size: int, inside: int, reduced: int, outside: int):
        super().__init__()
        self.reduce = Block(size, (inside, reduced))
        self.expand = Block(size, (reduced, outside), 3, 2)
        self.out = self.expand.out

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, size, size) → (B, outside, self.out, self.out)."""
        return self.expand(self.reduce(x))


class LiteExtra(nn.Module):
    """The same with a depthwise 3x3 block and a 1x1 block that expands (Sandler 2018, section 6.2)."""

    def __init__(self, size: int, inside: int, reduced: int, outside: int):
        super().__init__()
        self.reduce = Block(size, (inside, reduced))
        self.depthwise = Block(size, (reduced, reduced), 3, 2, groups=reduced)
        self.expand = Block(self.depthwise.out, (reduced, outside))
        self.out = self.depthwise.out

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, size, size) → (B, outside, self.out, self.out)."""
        return self.expand(self.depthwise(self.reduce(x)))


class Head(nn.Module):
    """Convolutions that give box codes and class logits for every anchor of a map."""

    def __init__(self, inside: int, side: int, anchors: int, classes: int, kernel: int = 1):
        super().__init__()
        self.box = nn.Conv2d(inside, anchors * 4, kernel, padding=kernel // 2)
        self.classify = nn.Conv2d(inside, anchors * classes, kernel, padding=kernel // 2)
        self.anchors, self.classes = side * side * anchors, classes
        for layer, bias in ((self.box, 0.0), (self.classify, -log(99))):  # every score starts at 0.01
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]

    @property
    def inside(self) -> int:
        """Channels of the map that it reads, whatever compression made of its convolutions."""
        first = next(one for one in self.box.modules() if isinstance(one, nn.Conv2d))
        return first.in_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, inside, side, side) → (B, anchors, 4), (B, anchors, classes)."""
        return self.rows(self.box(x), self.classify(x))

    def rows(self, box: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of codes and of logits, a row for each anchor."""
        box, kind = box.permute(0, 2, 3, 1), kind.permute(0, 2, 3, 1)
        return box.reshape(-1, self.anchors, 4), kind.reshape(-1, self.anchors, self.classes)


class LiteHead(Head):
    """The same with a depthwise 3x3 block in front of each 1x1 convolution (Sandler 2018, section 6.2)."""

    def __init__(self, inside: int, side: int, anchors: int, classes: int):
        super().__init__(inside, side, anchors, classes)
        self.before_box = Block(side, (inside, inside), 3, groups=inside)
        self.before_classify = Block(side, (inside, inside), 3, groups=inside)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, inside, side, side) → (B, anchors, 4), (B, anchors, classes)."""
        return self.rows(self.box(self.before_box(x)), self.classify(self.before_classify(x)))


class SSD(nn.Module):
    """Images (B, 3, size, size) RGB 0..255 → box codes (B, N, 4) ty tx th tw, class logits (B, N, classes)."""

    def __init__(self, backbone: nn.Module, extras: nn.ModuleList, heads: nn.ModuleDict):
        super().__init__()
        self.backbone, self.extras, self.heads = backbone, extras, heads

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Raw outputs; normalisation to -1..1 is the graph's first node."""
        return self.predict(self.maps(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The feature map (B, C, side, side) that each head reads."""
        maps: list[Tensor] = self.backbone((images - 128) / 128)
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return [maps[int(level)] for level in self.heads]

    def predict(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Raw outputs of `maps`."""
        found = [head(x) for head, x in zip(self.heads.values(), maps, strict=True)]
        return torch.cat([box for box, _ in found], 1), torch.cat([kind for _, kind in found], 1)


def heads(network: nn.Module) -> list[nn.Module]:
    """The convolutions whose outputs are anchors × (4 or classes); the last one of a decomposed head."""
    found = [leaf for module in network.modules() if isinstance(module, Head) for leaf in (module.box, module.classify)]
    return [leaf[-1] if isinstance(leaf, nn.Sequential) else leaf for leaf in found]
