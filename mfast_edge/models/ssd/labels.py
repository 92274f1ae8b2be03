"""Which classes the weights of an SSD find, by the shapes of its first heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COCO = 90  # the published detectors' logits are COCO's ids 1 to 90, of which 80 are in use


def labels(shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """COCO's names for a published detector, a `?` per class of one's own; () where there are no class heads."""
    if "head0.class.bias" in shapes:
        count = shapes["head0.class.bias"][0] * 4 // shapes["head0.box.bias"][0] - 1  # without the background
        return coco() if count == COCO else ("?",) * count
    own = next((name for name in shapes if name.startswith("heads.") and name.endswith(".classify.bias")), None)
    if own:
        return ("?",) * (shapes[own][0] * 4 // shapes[own.replace("classify", "box")][0])
    return ()


def coco() -> tuple[str, ...]:
    """The names of COCO's ids 1 to 90, `N/A` for unused ones, as torchvision's weights list them."""
    from torchvision.models.detection import SSDLite320_MobileNet_V3_Large_Weights

    return tuple(SSDLite320_MobileNet_V3_Large_Weights.DEFAULT.meta["categories"][1:])
