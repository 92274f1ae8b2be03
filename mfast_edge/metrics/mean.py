"""The mean over the classes that have a truth, and the weights of images."""

import numpy as np


def macro(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis (classes), leaving out NaN; NaN where every class is."""
    known = ~np.isnan(values)
    count = known.sum(-1)
    total = np.where(known, values, 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def rows(weights: np.ndarray | None, images: int) -> np.ndarray:
    """(R, I) float64 weights of images: every image once where None is given; a single (I,) becomes a row."""
    if weights is None:
        return np.ones((1, images))
    return np.atleast_2d(np.asarray(weights, np.float64))
