"""The YOLOv1 network: a backbone's last map, the neck, two fully connected layers (Redmon 2016, section 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from mfast_edge.backbones.extraction import SLOPE

if TYPE_CHECKING:
    from mfast_edge.models.yolov1.build import Build


class YOLO(nn.Module):
    """Images (B, 3, size, size) RGB 0..255 → boxes (B, S²·B, 5) x y √w √h confidence, classes (B, S², C).

    The paper's one last layer of S·S·(B·5 + C) outputs is two here, side by side: the same function, and boxes keep
    their weights where the classes are others.
    """

    def __init__(self, backbone: nn.Module, neck: nn.Module, inside: int, hidden: int, build: Build):
        super().__init__()
        cells = build.grid**2
        self.backbone, self.neck = backbone, neck
        self.hidden = nn.Linear(inside * cells, hidden)
        self.bend, self.drop = nn.LeakyReLU(SLOPE), nn.Dropout(build.dropout)
        self.box = nn.Linear(hidden, cells * build.boxes * 5)
        self.classify = nn.Linear(hidden, cells * len(build.classes))
        self.boxes, self.classes, self.cells = cells * build.boxes, len(build.classes), cells

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Raw outputs; normalisation to -1..1 is the graph's first node."""
        return self.predict(self.maps(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The one feature map (B, C, S, S) that the fully connected layers read."""
        return [self.neck(self.backbone((images - 128) / 128)[-1])]

    def predict(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Raw outputs of `maps`."""
        x = self.drop(self.bend(self.hidden(maps[0].flatten(1))))
        return self.box(x).reshape(-1, self.boxes, 5), self.classify(x).reshape(-1, self.cells, self.classes)

    @property
    def channels(self) -> int:
        """Of the map that `hidden` reads, whatever compression made of it."""
        first = next(one for one in self.hidden.modules() if isinstance(one, nn.Linear))
        return first.in_features // self.cells


class Whole(nn.Module):
    """A chain of layers as a backbone: its last map is its only one."""

    def __init__(self, features: nn.Sequential):
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, size, size) normalised image → the map."""
        return [self.features(x)]


def heads(network: nn.Module) -> list[nn.Module]:
    """The layers whose outputs are boxes and classes; the last one of a decomposed one."""
    assert isinstance(network, YOLO)
    found = (network.box, network.classify)
    return [leaf[-1] if isinstance(leaf, nn.Sequential) else leaf for leaf in found]
