"""ssd_mbv2: SSDLite on MobileNet v2; maps 19 10 5 3 2 1 and 1917 anchors at 300 px."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfast_edge.models.ssd.build import Lite, shapes
from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.lite import Shapes, SSDLite

if TYPE_CHECKING:
    from torch import nn


def features(build: Lite) -> nn.Sequential:
    """The backbone's layers."""
    from mfast_edge.backbones.mobilenet_v2 import features

    return features(build.width)


def guess(shapes: Shapes) -> dict[str, Any]:
    """The width by the last layer of one's own weights, by the first of published ones; torchvision's padding."""
    if own := shapes.get("backbone.upper.18.0.weight"):
        return {"width": own[0] / 1280}
    if google := shapes.get("Conv.weight"):
        return {"width": google[0] / 32}
    first = shapes.get("features.0.0.weight")
    return {"width": first[0] / 32, "padding": "centred"} if first else {}


MODEL = Detector("ssd_mbv2", Lite, SSDLite(features, shapes, guess))
