"""From a photo to detections: the one path that every runtime and the board pass through."""

from typing import Any, Callable, Dict, NamedTuple, Sequence, Tuple

import numpy as np

if __package__:
    from mfast_edge.models import boxes as box
    from mfast_edge.models.resize import blob
else:  # on the board the files lie side by side
    import boxes as box  # type: ignore[import-not-found,no-redef]
    from resize import blob  # type: ignore[import-not-found,no-redef]

TIES = "class, box"  # which of equal scores comes first; other words make stored figures be measured again
Outputs = Sequence[np.ndarray]
Forward = Callable[[np.ndarray], Outputs]
Decode = Callable[[Outputs, Dict[str, Any]], Tuple[np.ndarray, np.ndarray]]


class Detections(NamedTuple):
    """K detections, best first: boxes (K, 4) x1 y1 x2 y2 in photo pixels, scores (K,), classes (K,)."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def detect(photo: np.ndarray, forward: Forward, decode: Decode, facts: Dict[str, Any]) -> Detections:
    """Detections in an (H, W, 3) uint8 RGB photo; `facts` are a blueprint's decode facts, made ready."""
    outputs = forward(blob(photo, (facts["height"], facts["width"]), pixels(forward)))
    return finish(outputs, photo.shape[:2], decode, facts)


def pixels(forward: Forward) -> str:
    """The type in which `forward` takes pixels, and with it their order: what it says itself, else float32."""
    return getattr(forward, "pixels", "float32")


def finish(outputs: Outputs, shape: Tuple[int, ...], decode: Decode, facts: Dict[str, Any]) -> Detections:
    """The network's raw outputs for one photo of (height, width), decoded, suppressed, in photo pixels.

    An `iou_threshold` of None suppresses nothing: what is decoded are the objects. Of equal scores that of the lower
    class comes first, then that of the earlier box: ONNX's NonMaxSuppression and TopK have the same order.
    """
    height, width = shape[0], shape[1]
    boxes, scores = decode(outputs, facts)
    classes, rows = np.nonzero((scores >= facts["score_threshold"]).T)
    found = scores[rows, classes]
    best = box.top(found, facts["candidates"])
    rows, classes, found = rows[best], classes[best], found[best]
    scale = np.array([width, height, width, height], np.float32)
    chosen = box.clip(boxes[rows] * scale, height, width)
    threshold, kept = facts["iou_threshold"], np.arange(len(found))
    if threshold is not None:
        kept = box.suppress(chosen, found, classes, threshold)
    kept = kept[: facts["detections"]]
    return Detections(chosen[kept], found[kept], classes[kept])
