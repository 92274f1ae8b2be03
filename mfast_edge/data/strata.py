"""The strata that photos belong to: by class, number, form and size of their boxes."""

from collections.abc import Iterator, Sequence

import numpy as np

from mfast_edge.data.dealing import Split
from mfast_edge.data.sample import Record, Truth
from mfast_edge.errors import UserError

THIRDS = (1 / 3, 2 / 3)
Stratum = tuple[str, np.ndarray]


def strata(records: Sequence[Record], classes: Sequence[str], how: Split) -> dict[str, np.ndarray]:
    """{name: (P,) bool, which photos belong to it}; none is empty, and no photo is in none of them.

    A photo belongs to a stratum of forms or sizes where any of its boxes does. Ignored boxes do not count.
    UserError where `how` names a class that there is not.
    """
    truths = [record.truth for record in records]
    kinds = {"class": of_classes, "count": of_counts, "ratio": of_ratios, "size": of_sizes}
    found = [one for by in how.by for one in kinds[by](truths, classes, how)]
    rest = np.array([len(boxes(truth)) == 0 for truth in truths], bool)
    known = {name: marks for name, marks in [*found, ("no box", rest)] if marks.any()}
    apart = ~np.any(list(known.values()), axis=0) if known else np.ones(len(records), bool)
    return {**known, **({"other": apart} if apart.any() else {})}


def of_classes(truths: Sequence[Truth], classes: Sequence[str], how: Split) -> Iterator[Stratum]:
    """Photos with each class, as an object or on the photo as a whole."""
    shown = [{*truth.classes[~truth.ignore].tolist(), *truth.labels} for truth in truths]
    for label, name in enumerate(classes):
        yield f"class {name}", np.array([label in one for one in shown], bool)


def of_counts(truths: Sequence[Truth], classes: Sequence[str], how: Split) -> Iterator[Stratum]:
    """Photos by how many boxes they have, or those of a class by how many of it."""
    if not isinstance(how.counts, dict):
        every = np.array([len(boxes(truth)) for truth in truths], float)
        edges = how.counts or thirds(every)
        yield from binned("boxes", every, np.arange(len(truths)), (edges, len(truths)))
        return
    for name, edges in how.counts.items():
        if name not in classes:
            raise UserError(f"split.counts: {name!r} is not a class of the data; they have {', '.join(classes)}")
        label = list(classes).index(name)
        counts = np.array([np.count_nonzero(truth.classes[~truth.ignore] == label) for truth in truths])
        rows = np.flatnonzero([count or label in truth.labels for count, truth in zip(counts, truths, strict=True)])
        yield from binned(name, counts[rows], rows, (edges, len(truths)))


def of_ratios(truths: Sequence[Truth], classes: Sequence[str], how: Split) -> Iterator[Stratum]:
    """Photos with wide, high and square boxes."""
    sides, rows = sized(truths)
    wide = sides[:, 0] / sides.sum(1)
    forms = {"horizontal": wide >= how.ratio, "vertical": 1 - wide >= how.ratio}
    forms["square"] = ~forms["horizontal"] & ~forms["vertical"]
    for name, marks in forms.items():
        yield f"ratio {name}", np.isin(np.arange(len(truths)), rows[marks])


def of_sizes(truths: Sequence[Truth], classes: Sequence[str], how: Split) -> Iterator[Stratum]:
    """Photos with boxes of each bin of areas."""
    sides, rows = sized(truths)
    areas = sides.prod(1)
    return binned("area", areas, rows, (how.sizes or thirds(areas), len(truths)))


def boxes(truth: Truth) -> np.ndarray:
    """The boxes that count, (M, 4)."""
    return truth.boxes[~truth.ignore]


def sized(truths: Sequence[Truth]) -> tuple[np.ndarray, np.ndarray]:
    """Width and height (M, 2) in pixels of all boxes, and the photo (M,) of each."""
    every = [boxes(truth).astype(float) for truth in truths]
    corners = np.concatenate([np.zeros((0, 4)), *every])
    return corners[:, 2:] - corners[:, :2], np.repeat(np.arange(len(every)), [len(one) for one in every])


def thirds(values: np.ndarray) -> tuple[float, ...]:
    """The values from which the second and the last third begin; one where they are the same."""
    return tuple(np.unique(np.quantile(values, THIRDS, method="higher")).tolist()) if len(values) else ()


def binned(name: str, values: np.ndarray, rows: np.ndarray, bins: tuple[Sequence[float], int]) -> Iterator[Stratum]:
    """Photos with a value in each bin; `rows` are the values' photos, `bins` the edges and the number of photos."""
    edges, photos = bins
    places = np.searchsorted(edges, values, side="right")
    for place in range(len(edges) + 1):
        yield f"{name} {between(edges, place)}", np.isin(np.arange(photos), rows[places == place])


def between(edges: Sequence[float], place: int) -> str:
    """A bin in words: `< 8`, `8 to < 13`, `>= 13`."""
    if not edges:
        return "any"
    low = f"{edges[place - 1]:.10g}" if place else ""
    if place == len(edges):
        return f">= {low}"
    return f"{low} to < {edges[place]:.10g}" if low else f"< {edges[place]:.10g}"
