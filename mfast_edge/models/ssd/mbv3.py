"""ssd_mbv3: SSDLite on MobileNet v3; maps 20 10 5 3 2 1 and 3234 anchors at 320 px."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfast_edge.models.ssd.build import Lite3, square
from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.lite import Shapes, SSDLite

if TYPE_CHECKING:
    from torch import nn

# Of the block that halves last, its first and last convolutions: in our files, in torchvision's, in its detector's.
TAPS = {
    "large": [
        ("backbone.lower.13_block_0.0.weight", "backbone.upper.13_block_3.0.weight"),
        ("features.13.block.0.0.weight", "features.13.block.3.0.weight"),
        ("backbone.features.0.13.0.weight", "backbone.features.1.0.3.0.weight"),
    ],
    "small": [
        ("backbone.lower.9_block_0.0.weight", "backbone.upper.9_block_3.0.weight"),
        ("features.9.block.0.0.weight", "features.9.block.3.0.weight"),
    ],
}
FOREIGN = ("features.13.", "features.9.", "backbone.features.")  # torchvision's own, padded alike on both sides
WIDE = {"large": 672, "small": 288}  # channels between the two at width 1


def features(build: Lite3) -> nn.Sequential:
    """The backbone's layers."""
    from mfast_edge.backbones.mobilenet_v3 import features

    return features(build.width, build.variant, build.tail)


def guess(shapes: Shapes) -> dict[str, Any]:
    """Variant and width by the last block that halves; its map is not wider than before where the tail is reduced."""
    for variant, taps in TAPS.items():
        for first, last in (pair for pair in taps if set(pair) <= set(shapes)):
            width, tail = shapes[first][0] / WIDE[variant], "whole" if shapes[last][0] > shapes[first][1] else "reduced"
            found = {"variant": variant, "width": width, "tail": tail}
            return {**found, "padding": "centred"} if first.startswith(FOREIGN) else found
    return {}


MODEL = Detector("ssd_mbv3", Lite3, SSDLite(features, square, guess))
