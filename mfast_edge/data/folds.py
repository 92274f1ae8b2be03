"""Stratified folds of photos, as train, val and test."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mfast_edge.data.dealing import Deal, Split
from mfast_edge.data.sample import Record
from mfast_edge.data.split import Part, by_name, place
from mfast_edge.data.strata import strata
from mfast_edge.data.stratify import stratify
from mfast_edge.errors import UserError

Photos = tuple[Record, ...]
OUT = "left out"


@dataclass(slots=True)
class Folds:
    """Deals photos as `how` says, and keeps a table of each dealing; equal contents stay together.

    `title` names the source among joined ones.
    """

    how: Split
    classes: Sequence[str]
    seed: int
    title: str = ""
    deals: list[Deal] = field(default_factory=list)

    def pool(self, part: Part) -> tuple[Photos, Photos, Photos]:
        """(train, val, test) of one pool: the other folds, `fold`, the one before it."""
        val, test = self.how.places
        roles = self.roles({val: "val", test: "test"})
        train, held, tested = self.joined(part, "all photos", roles, ("train", "val", "test"))
        return train, held, tested

    def some(self, part: Part, share: float) -> tuple[Photos, Photos]:
        """(train, val) of photos for both: the other folds and `fold`; the folds decide, not `share`."""
        roles = self.roles({self.how.places[0]: "val"})
        train, val = self.joined(part, "photos of train", roles, ("train", "val"))
        return train, val

    def halves(self, part: Part) -> tuple[Photos, Photos]:
        """(val, test): two halves."""
        val, test = self.joined(part, "photos of val", ["val", "test"], ("val", "test"))
        return val, test

    def mini(self, train: Photos) -> Photos:
        """What `mini` keeps of train: a share of it, or folds, unless those were taken when it was dealt."""
        small = self.how.mini
        if isinstance(small, float):
            return self.joined(train, "photos of train", ["train", OUT], ("train",), (small, 1 - small))[0]
        if small is None or any("train" in deal.roles for deal in self.deals):
            return train
        return self.joined(train, "photos of train", self.roles({}), ("train",))[0]

    def roles(self, taken: dict[int, str]) -> list[str]:
        """What becomes of each fold: as taken, and the others train; beyond `mini` of these, left out."""
        free = [number for number in range(self.how.folds) if number not in taken]
        used = free[: self.how.mini] if isinstance(self.how.mini, int) else free
        return [taken.get(number, "train" if number in used else OUT) for number in range(self.how.folds)]

    def joined(
        self, part: Part, what: str, roles: list[str], wanted: tuple[str, ...], shares: Sequence[float] = ()
    ) -> tuple[Photos, ...]:
        """The photos dealt into as many folds as there are roles; those of each wanted role together."""
        folds = self.dealt(part, what, roles, shares or [1.0] * len(roles))
        return tuple(
            by_name(record for fold, role in zip(folds, roles, strict=True) if role == want for record in fold)
            for want in wanted
        )

    def dealt(self, part: Part, what: str, roles: list[str], shares: Sequence[float]) -> list[list[Record]]:
        """The photos of each fold, and a table of them kept."""
        what = f"{what} of {self.title}" if self.title else what
        if len(part) < len(roles):
            raise UserError(f"split.folds: {len(part)} {what} cannot fill {len(roles)} folds; fewer would be right")
        records = sorted(part, key=lambda record: (place(record, self.seed), record.name))
        found = strata(records, self.classes, self.how)
        marks = np.array([*found.values()]).T
        _, group = np.unique([record.sha256 for record in records], return_inverse=True)
        order = np.unique(group, return_index=True)[1].argsort()  # groups by the place of their first photo
        rank = order.argsort()[group]
        sums = np.zeros((len(order), marks.shape[1]), int)
        np.add.at(sums, rank, marks)
        fold = stratify(sums, np.bincount(rank), shares, self.seed)[rank]
        counts = {name: tuple(np.bincount(fold[one], minlength=len(roles)).tolist()) for name, one in found.items()}
        photos = tuple(np.bincount(fold, minlength=len(roles)).tolist())
        self.deals.append(Deal(f"{what} by {', '.join(self.how.by)}", tuple(roles), photos, counts))
        return [[record for record, one in zip(records, fold, strict=True) if one == k] for k in range(len(roles))]
