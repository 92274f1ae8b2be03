"""How photos are dealt into folds, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mfast_edge.data.report import aligned
from mfast_edge.settings import Settings

By = Literal["class", "count", "ratio", "size"]
Count = Annotated[int, Field(ge=1)]
Counts = tuple[Count, ...]
Area = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(gt=0, lt=1)]
BINS = {"counts": "count", "ratio": "ratio", "sizes": "size"}  # setting → what it divides


class Split(Settings):
    """Stratified folds where the data bring no split: one is val, the one before it test, the others train.

    A missing val is one fold of train, a missing test half of val. `mini` keeps a share of train, or so many
    of its folds. Bins rise: a count of 8 with the edges 8, 13 lies in the second of three. Without edges, counts
    and areas are cut into thirds of the photos and of the boxes. Published for 16,455 photos of livestock: by
    class and count, 5 folds, mini 2, counts {pig: [8, 13], cow: [4, 6]}; the areas looked at there were 100,
    1000, 10000, 50000 and 100000 pixels, and a box was horizontal from w / (w + h) = .6.
    """

    by: Annotated[tuple[By, ...], Field(min_length=1)] = ("class", "count")
    folds: Annotated[int, Field(ge=3)] = 5
    fold: Annotated[int, Field(ge=1)] | None = None  # val's, counted from 1; the last if None
    mini: Whole | Share | None = None
    counts: Counts | dict[str, Counts] | None = None  # edges, of all boxes of a photo or of each class's
    ratio: Annotated[float, Field(gt=0.5, lt=1)] = 0.6  # w / (w + h) from which a box is horizontal
    sizes: tuple[Area, ...] | None = None  # edges, square pixels of the photo

    @model_validator(mode="after")
    def sound(self) -> Self:
        """Folds that exist, edges that rise, no setting that does nothing."""
        if len(set(self.by)) < len(self.by):
            raise ValueError("by: each of class, count, ratio, size once would be right")
        if self.fold is not None and self.fold > self.folds:
            raise ValueError(f"fold: 1 to folds, which is {self.folds}, would be right")
        if isinstance(self.mini, int) and self.mini > self.folds - 2:
            raise ValueError(
                f"mini: at most the {self.folds - 2} folds of train, or a share such as 0.5, would be right"
            )
        for name, by in BINS.items():
            if getattr(self, name) != type(self).model_fields[name].default and by not in self.by:
                raise ValueError(f"{name}: {by} among `by` would be right, or else no {name}")
        groups = self.counts.values() if isinstance(self.counts, dict) else [self.counts or ()]
        if not all(low < high for edges in [*groups, self.sizes or ()] for low, high in pairwise(edges)):
            raise ValueError("counts, sizes: edges that rise would be right")
        return self

    @property
    def places(self) -> tuple[int, int]:
        """The numbers, from 0, of val's fold and of test's."""
        val = (self.fold or self.folds) - 1
        return val, (val - 1) % self.folds


@dataclass(frozen=True, slots=True)
class Deal:
    """One dealing: photos of each of K folds, whose `roles` say what became of them, and of each stratum there.

    photos (K,), strata {name: photos (K,)}; `what` was dealt.
    """

    what: str
    roles: tuple[str, ...]
    photos: tuple[int, ...]
    strata: Mapping[str, tuple[int, ...]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @property
    def rows(self) -> list[list[str]]:
        """A line for the photos and one per stratum: its name, its photos in each fold, its total."""
        named = {"photos": self.photos, **self.strata}
        return [[name, *map(str, counts), str(sum(counts))] for name, counts in named.items()]

    @property
    def head(self) -> list[str]:
        """The folds with their roles."""
        return [self.what, *(f"{number} {role}" for number, role in enumerate(self.roles, start=1)), "all"]

    def lines(self) -> list[str]:
        """The fold table as text, its columns aligned."""
        return aligned([self.head, *self.rows])
