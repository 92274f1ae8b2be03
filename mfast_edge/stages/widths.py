"""Which groups to make how narrow: the least harm for what is saved, by one threshold found by bisection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mfast_edge.errors import UserError
from mfast_edge.latency import layers
from mfast_edge.stages.channels import Groups, narrow
from mfast_edge.stages.sensitivity import Sensitivity, sensitivity, steps

if TYPE_CHECKING:
    from export.layer import Layer
    from mfast_edge.stages.prune import Prune
    from mfast_edge.workshop import Built, Workshop

ROUNDS = 24  # of the bisection
EVEN = 1e-3  # loss said to be gained by a group without channels: where none is, all are narrowed alike
Widths = dict[str, int]


@dataclass(frozen=True, slots=True)
class Edge:
    """A group at one width: the loss gained, and what it saves of the network's cost."""

    width: int
    harm: float
    saved: float


@dataclass(frozen=True, slots=True)
class Goal:
    """What narrowing is to reach: `cost` of the layers at most `limit`, as `name` asked, told in `unit`."""

    cost: Callable[[Sequence[Layer]], float]
    limit: float
    name: str
    unit: str


def thin(made: Built, prune: Prune, shop: Workshop, folder: Path) -> None:
    """Narrow the network in place, to stair edges, until the goal of `prune` is met.

    What is known of sensitivity is kept in `folder`. UserError where no allowed width is small enough.
    """
    found = sensitivity(made, prune, shop, folder)
    example = shop.example(made.build)
    every = layers(made.network, example)
    goal = goal_of(prune, every, shop)

    def cost(widths: Widths) -> float:
        return goal.cost(narrowed(every, found.groups, widths))

    edges = {name: curve(name, found, prune, cost) for name in found.curves}
    narrow(made.network, example, found.groups, cheapest(edges, cost, goal))


def goal_of(prune: Prune, every: Sequence[Layer], shop: Workshop) -> Goal:
    """A share of the multiply-adds, or ms by the latency table of the runtime that is fastest with the whole, or a
    share of them.

    Unfinished where a table was not filled before.
    """
    if not prune.by_table:
        whole = sum(layer.macs for layer in every)
        share = prune.keep or 1.0
        return Goal(lambda some: sum(layer.macs for layer in some) / whole, share, "keep", "of the multiply-adds")
    tables = [shop.held(runtime, prune.table) for runtime in shop.target.measured]
    best = min(tables, key=lambda table: table.predict(every))
    if prune.target_ms is not None:
        return Goal(best.predict, prune.target_ms, "target_ms", "ms")
    ms = best.predict(every)
    return Goal(lambda some: best.predict(some) / ms, prune.keep_ms or 1.0, "keep_ms", "of the milliseconds")


def narrowed(every: Sequence[Layer], groups: Groups, widths: Widths) -> list[Layer]:
    """The layers as they are once the groups have these widths. A layer may read several groups, joined; a pooling is
    as wide as the layer called before it."""
    inside, outside = Counter[str](), Counter[str]()  # channels gone
    for name, width in widths.items():
        gone = len(groups[name].order) - width
        inside.update({path: per * gone for path, per in groups[name].inputs.items()})
        outside.update({path: per * gone for path, per in groups[name].outputs.items()})
    found: list[Layer] = []
    for layer in every:
        wide = layer.outside - outside[layer.path]
        if layer.kind == "pool":
            wide = found[-1].outside
        found.append(layer.wide(wide if layer.even else layer.inside - inside[layer.path], wide))
    return found


def curve(name: str, found: Sensitivity, prune: Prune, cost: Callable[[Widths], float]) -> list[Edge]:
    """A group's stair edges, widest first. Between tried widths harm is a straight line; it never falls as
    the group gets narrower."""
    rows = sorted(found.curves[name])
    harms = np.maximum.accumulate([max(harm, 0.0) for _, harm in reversed(rows)])[::-1]
    tried = [width for width, _ in rows]
    wide = [tried[-1], *steps(tried[-1], prune)]
    return [
        Edge(w, float(np.interp(w, tried, harms)) + EVEN * (1 - w / tried[-1]) ** 2, cost({}) - cost({name: w}))
        for w in wide
    ]


def cheapest(edges: Mapping[str, Sequence[Edge]], cost: Callable[[Widths], float], goal: Goal) -> Widths:
    """The widths with the smallest threshold (loss gained per cost saved) that meet the goal.

    Nothing is narrowed where the whole network meets it.
    """
    whole = {name: rows[0].width for name, rows in edges.items()}
    if cost(whole) <= goal.limit:
        return whole
    narrowest = {name: rows[-1].width for name, rows in edges.items()}
    if cost(narrowest) > goal.limit:
        raise UserError(
            f"prune.{goal.name}: {goal.limit:g} given; stair edges leave {cost(narrowest):.2f} {goal.unit} at the least"
        )
    low, high, best = -9.0, 6.0, narrowest  # powers of ten
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        widths = chosen(edges, 10**middle)
        if cost(widths) <= goal.limit:
            high, best = middle, widths
        else:
            low = middle
    return best


def chosen(edges: Mapping[str, Sequence[Edge]], threshold: float) -> Widths:
    """For each group the width where narrowing further would cost more than `threshold` for what it saves."""
    return {
        name: min(rows, key=lambda edge: (edge.harm - threshold * edge.saved, edge.width)).width
        for name, rows in edges.items()
    }
