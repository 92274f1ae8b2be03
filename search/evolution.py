"""Hyper-parameter evolution: settings bred from the best so far by multiplying some of their numbers.

The scheme of YOLOv5's evolution: a parent among the best PARENTS, drawn by how much fitter it is than the least
of them; each gene is, with probability CHANCE, multiplied by 1 + gain · N(0, 1) · U(0, 1) · SIGMA, clipped to
FACTORS; drawn again until one moved. Two things differ: a gene at 0, which no factor can move, moves by the same
share of its range; and a choice, which cannot be multiplied, is drawn anew with probability CHANCE · SIGMA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.distributions import distribution
from search.knobs import Categorical, Int, Knob, Value, at, snap
from search.space import Space

PARENTS = 5
CHANCE = 0.8
SIGMA = 0.2
FACTORS = (0.3, 3.0)
DIGITS = 5


def choose(fitness: Sequence[float], chance: np.random.Generator) -> int:
    """The place of the parent: drawn by fitness - the least fitness + 1e-6."""
    weights = np.asarray(fitness, dtype=np.float64) - min(fitness) + 1e-6
    return int(chance.choice(len(weights), p=weights / weights.sum()))


def factors(gains: Sequence[float], chance: np.random.Generator) -> NDArray[np.float64]:
    """What each gene is multiplied by, at least one of them not by 1."""
    found = np.ones(len(gains))
    while len(gains) and (found == 1).all():
        moved = chance.random(len(gains)) < CHANCE
        found = np.asarray(gains) * moved * chance.standard_normal(len(gains)) * chance.random() * SIGMA + 1
        found = found.clip(*FACTORS)
    return found


def mutate(knob: Knob, value: Any, factor: float, chance: np.random.Generator) -> Value:
    """The value times the factor, within the knob's limits and on its steps."""
    if isinstance(knob, Categorical):
        drawn = chance.random() < CHANCE * SIGMA
        return knob.choices[int(chance.integers(len(knob.choices)))] if drawn else value
    moved = value * factor if value else (factor - 1) * (knob.high - knob.low)
    moved = min(max(round(moved, DIGITS), knob.low), knob.high)
    if isinstance(knob, Int) or knob.step:
        moved = at(knob, round((moved - knob.low) / knob.step)) if knob.step else moved
    return snap(knob, moved)


class Evolution(BaseSampler):
    """Breeds a trial from the best complete ones of a study with one objective; the first ones are random."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.chance = np.random.default_rng(seed)
        self.blind = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All genes: which of them are there is known only when they are drawn."""
        return {name: distribution(knob) for name, knob in self.space.items()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A child's genes, those that its parent has; nothing before there is a parent."""
        up = study.direction is StudyDirection.MAXIMIZE
        known = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        fitness = {one.number: (one.values[0] if up else -one.values[0]) for one in known if one.values}
        best = sorted(known, key=lambda one: -fitness[one.number])[:PARENTS]
        if not best:
            return {}
        parent = best[choose([fitness[one.number] for one in best], self.chance)]
        study._storage.set_trial_user_attr(trial._trial_id, "parents", [parent.number])
        return self._bred(parent.params)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A gene that the parent lacks, drawn evenly."""
        return self.blind.sample_independent(study, trial, param_name, param_distribution)

    def _bred(self, genes: Mapping[str, Any]) -> dict[str, Any]:
        names = [name for name in sorted(self.space) if name in genes]
        gains = [getattr(self.space[name], "gain", 0.0) for name in names]
        scale = factors(gains, self.chance) if any(gains) else np.ones(len(names))
        return {
            name: mutate(self.space[name], genes[name], float(factor), self.chance)
            for name, factor in zip(names, scale, strict=True)
        }
