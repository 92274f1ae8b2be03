"""Iterative stratification of multi-label data (Sechidis, Tsoumakas, Vlahavas 2011)."""

from collections.abc import Sequence

import numpy as np


def stratify(marks: np.ndarray, sizes: np.ndarray, shares: Sequence[float], seed: int) -> np.ndarray:
    """(G,) the fold of each of G groups of photos that must stay together.

    marks (G, L): photos of each group in each stratum; sizes (G,) photos; shares (K,) of the folds. The rarest
    stratum left is dealt first, each group to the fold that wants most of it, then to the one that wants most
    photos (Algorithm 1, with groups for examples); what is in no stratum is dealt last. The seed breaks ties.
    """
    rng = np.random.default_rng(seed)
    parts = np.asarray(shares, float) / sum(shares)
    wants, room = np.outer(marks.sum(0), parts), sizes.sum() * parts  # (L, K), (K,)
    folds = np.full(len(sizes), -1)
    while (left := folds < 0).any():
        remaining = marks[left].sum(0)
        known = np.flatnonzero(remaining)
        rarest = known[np.argmin(remaining[known])] if len(known) else None
        for row in np.flatnonzero(left if rarest is None else left & (marks[:, rarest] > 0)):
            fold = neediest(room if rarest is None else wants[rarest], room, rng)
            folds[row] = fold
            wants[:, fold] -= marks[row]
            room[fold] -= sizes[row]
    return folds


def neediest(wants: np.ndarray, room: np.ndarray, rng: np.random.Generator) -> int:
    """The fold that wants most; of several the one with most room, then any."""
    best = np.flatnonzero(np.isclose(wants, wants.max()))
    best = best[np.isclose(room[best], room[best].max())]
    return int(rng.choice(best))
