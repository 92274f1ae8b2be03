"""The steps from a photo to detections as callables, for whatever clock is at hand: here and on the board."""

from itertools import cycle
from typing import Any, Callable, Dict, Sequence

import numpy as np

if __package__:
    from mfast_edge.models.detections import Decode, Forward, detect, finish, pixels
    from mfast_edge.models.resize import blob
else:  # on the board the files lie side by side
    from detections import Decode, Forward, detect, finish, pixels  # type: ignore[import-not-found,no-redef]
    from resize import blob  # type: ignore[import-not-found,no-redef]


def parts(
    session: Forward, photos: Sequence[np.ndarray], decode: Decode, facts: Dict[str, Any]
) -> Dict[str, Callable[[], object]]:
    """The steps from a uint8 photo to detections, each alone and all together, over `photos` in turn."""
    size, kind = (facts["height"], facts["width"]), pixels(session)
    blobs = [blob(photo, size, kind) for photo in photos]
    outputs = [session(image) for image in blobs]
    turn, raw = cycle(photos), cycle(list(zip(outputs, photos)))

    def forward() -> object:
        return session(blobs[0])

    def post() -> object:
        found, photo = next(raw)
        return finish(found, photo.shape, decode, facts)

    return {
        "forward": forward,
        "pre": lambda: blob(next(turn), size, kind),
        "post": post,
        "end_to_end": lambda: detect(next(turn), session, decode, facts),
    }
