"""ssd_mbv2: SSDLite on MobileNet v2; maps 19 10 5 3 2 1 and 1917 anchors at 300 px."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfast_edge.backbones.origin import infer
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
    """Width and padding of a MobileNet v2, published or in an SSD of ours."""
    found = infer(shapes)
    return found if found.pop("backbone", None) == "mobilenet_v2" else {}


MODEL = Detector("ssd_mbv2", Lite, SSDLite(features, shapes, guess))
