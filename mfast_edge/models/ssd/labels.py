"""Which classes the weights of an SSD find, by the shapes of its first heads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

TORCHVISION = "backbone.scale_weight"  # only torchvision's SSD300 has a tensor of this name
DEPTHWISE = "backbone.extra.0.0.0.weight"  # and only its SSDLite one of this name
COCO = 90  # the published detectors' logits are COCO's ids 1 to 90, of which 80 are in use

PUBLISHED = (  # biases of the first box and class heads; their first logit is the background's
    ("head0.box.bias", "head0.class.bias"),
    ("head.regression_head.module_list.0.bias", "head.classification_head.module_list.0.bias"),
    ("head.regression_head.module_list.0.1.bias", "head.classification_head.module_list.0.1.bias"),
)


def labels(shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """COCO's names for a published detector, a `?` per class of one's own; () where there are no class heads."""
    for box, kind in PUBLISHED:
        if kind in shapes:
            count = counted(shapes, box, kind) - 1  # without the background
            return coco() if count == COCO else ("?",) * count
    last = own(shapes, r"heads\.\w+\.classify")
    beside = own(shapes, re.escape(last.partition(".classify")[0] + ".box")) if last else None
    return ("?",) * counted(shapes, beside, last) if beside and last else ()


def own(shapes: Mapping[str, Sequence[int]], head: str) -> str | None:
    """The bias of the first head of this pattern: of a convolution or, decomposed, of the end of a chain."""
    return next((name for name in shapes if re.fullmatch(rf"{head}(\.\d+)?\.bias", name)), None)


def counted(shapes: Mapping[str, Sequence[int]], box: str, kind: str) -> int:
    """Logits per anchor, by the biases of a level's two heads."""
    return shapes[kind][0] * 4 // shapes[box][0]


def coco() -> tuple[str, ...]:
    """The names of COCO's ids 1 to 90, `N/A` for unused ones, as torchvision's weights list them."""
    from torchvision.models.detection import SSDLite320_MobileNet_V3_Large_Weights

    return tuple(SSDLite320_MobileNet_V3_Large_Weights.DEFAULT.meta["categories"][1:])
