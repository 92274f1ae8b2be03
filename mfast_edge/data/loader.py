"""Batches for training: photos decoded once; order and augmentation follow from seed and epoch."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch

from mfast_edge.data.augment import Sample, augment, labelled, plain
from mfast_edge.data.photo import load
from mfast_edge.data.policies import varied
from mfast_edge.data.sample import Record, Truth
from mfast_edge.models.resize import resize
from mfast_edge.recipe import Policy

EPOCH = 4096  # photos at most in an epoch: after each a training tells how it goes and keeps where it is
STANDARD = Policy()
ROOM = 2  # a kept photo's longer side, in input sizes: enough for the smallest useful crop
TURN = 10  # batches between two sizes (Redmon 2017, section 2)
Ticket = tuple[int, int, int]  # epoch, number of the record, side of the input


class Target(NamedTuple):
    """What is on one image: boxes (N, 4) float32 x1 y1 x2 y2 in input pixels, classes (N,), ignore (N,), and the
    classes (K,) that are known of it as a whole.

    A region of class ANY has class 0 here: of what is ignored no loss reads the class, and -1 is none.
    """

    boxes: torch.Tensor
    classes: torch.Tensor
    ignore: torch.Tensor
    labels: torch.Tensor


class Batch(NamedTuple):
    """images (B, 3, size, size) float32 RGB 0..255, a target per image, and the records' numbers."""

    images: torch.Tensor
    truths: tuple[Target, ...]
    rows: tuple[int, ...]


@dataclass(slots=True)
class Loader:
    """Batches of `records` at input `size`; see `batches`.

    `cache_mb` MB (10^6 bytes) of decoded photos are kept. Batches are prepared by the training process itself:
    on two cores a worker process made training slower, as training uses both.
    """

    records: Sequence[Record]
    size: int
    batch: int
    seed: int = 0
    augment: bool = True
    policy: Policy = STANDARD
    cache_mb: float = 1000.0
    sides: tuple[int, ...] = ()  # that the input of an augmented batch may have instead of `size`
    waited: float = 0.0  # seconds that `batches` kept its caller waiting, in all
    share: tuple[int, int] = (0, 1)  # of each batch the part of process r of n
    shelf: "Shelf" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        largest = max(self.size, *self.sides) if self.augment and self.sides else self.size
        self.shelf = Shelf(self.records, largest, self.seed, self.augment, self.policy, self.cache_mb * 1e6)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(chunks(self.order(0), self.batch))

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Every record once: in an order of the epoch's own when augmenting, else as they were given.

        A set of more than EPOCH photos is shuffled, then learnt from in several epochs of equal length; what
        does not fill the last one waits for the next shuffle.

        Nothing but (seed, epoch, record) and a batch's number decides what comes, so a repeated epoch repeats
        exactly. A last photo that would be alone joins the batch before it: batch norm cannot learn from one.

        One of more processes than a batch has photos is given a photo without its truth.
        """
        parts = chunks(self.order(epoch), self.batch)
        for number, rows in enumerate(parts, epoch * len(parts)):
            part = [(epoch, row, self.side(number)) for row in rows]
            began = time.perf_counter()
            with one_thread():
                ready = self.own(part)
            self.waited += time.perf_counter() - began
            yield ready

    def side(self, number: int) -> int:
        """The input's side in a training's batch of this number: one of `sides`, drawn anew every TURN batches."""
        if not (self.augment and self.sides):
            return self.size
        return int(np.random.default_rng([self.seed, TURN, number // TURN]).choice(self.sides))

    def own(self, part: list[Ticket]) -> Batch:
        """The share of the batch that these tickets are for."""
        rank, size = self.share
        mine = part[rank * len(part) // size : (rank + 1) * len(part) // size]
        made = collated([self.shelf[ticket] for ticket in mine or part[:1]], mine or part[:1])
        return made if mine else made._replace(truths=(), rows=())

    def order(self, epoch: int) -> list[int]:
        rows = len(self.records)
        if not self.augment:
            return list(range(rows))
        size = per_epoch(rows)
        turn, part = divmod(epoch, rows // size)
        shuffled = np.random.default_rng([self.seed, turn]).permutation(rows).tolist()
        return shuffled[part * size : (part + 1) * size]


@dataclass(slots=True)
class Shelf:
    """Decoded photos and their truths, and the sample that a ticket asks for."""

    records: Sequence[Record]
    size: int
    seed: int
    augment: bool
    policy: Policy
    free: float  # bytes that may still be kept
    kept: dict[int, tuple[np.ndarray, Truth]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, ticket: Ticket) -> Sample:
        epoch, row, side = ticket
        photo, truth = self.take(row)
        if self.augment:
            seed = derived(self.seed, epoch, row)
            if self.policy.name != "ssd":
                return varied(photo, truth, side, seed=seed, policy=self.policy)
            return augment(photo, truth, side, seed=seed, flips=self.policy.flips)
        return Sample(photo, truth.boxes, truth.classes, truth.ignore, labelled(truth))

    def take(self, row: int) -> tuple[np.ndarray, Truth]:
        """The record's photo and truth, from memory where there is room for it."""
        if row not in self.kept:
            ready = self.prepared(self.records[row])
            if ready[0].nbytes > self.free:
                return ready
            self.free -= ready[0].nbytes
            self.kept[row] = ready
        return self.kept[row]

    def prepared(self, record: Record) -> tuple[np.ndarray, Truth]:
        """At most ROOM times the input size to augment from; else at input size by one resize, as on a board."""
        photo = load(record)
        if not self.augment:
            sample = plain(photo, record.truth, self.size)
            return sample.image, replace(record.truth, boxes=sample.boxes)
        factor = min(1.0, ROOM * self.size / max(photo.shape[:2]))
        height, width = (max(1, round(side * factor)) for side in photo.shape[:2])
        ratio = np.array([width / photo.shape[1], height / photo.shape[0]] * 2, np.float32)
        small = photo if factor == 1.0 else resize(photo, (height, width))
        return small, replace(record.truth, boxes=record.truth.boxes * ratio)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread: on a busy 2-core machine its colour steps took 130 ms a photo on two, 4 on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def derived(seed: int, epoch: int, row: int) -> int:
    """One seed from three numbers, without patterns between neighbours."""
    return int(np.random.SeedSequence([seed, epoch, row]).generate_state(1)[0])


def per_epoch(rows: int) -> int:
    """Photos in each epoch of a training on so many."""
    return rows // -(-rows // EPOCH)


def batches(rows: int, batch: int) -> int:
    """Batches in each epoch of a training on so many photos."""
    return len(chunks(list(range(per_epoch(rows))), batch))


def chunks(rows: list[int], batch: int) -> list[list[int]]:
    """`rows` in batches; a single last one joins the batch before it."""
    found = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    if len(found) > 1 and len(found[-1]) == 1 and batch > 1:
        last = found.pop()
        found[-1] += last
    return found


def collated(samples: list[Sample], tickets: list[Ticket]) -> Batch:
    images = torch.from_numpy(np.stack([sample.image for sample in samples]))
    floats = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    return Batch(floats, tuple(map(target, samples)), tuple(row for _, row, _ in tickets))


def target(sample: Sample) -> Target:
    known = sample._replace(classes=sample.classes.clip(min=0))
    return Target(*(torch.from_numpy(values) for values in known[1:]))
