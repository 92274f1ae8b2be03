"""Which settings decide an answer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from search.distributions import distribution
from search.space import Space

FEWEST = 8  # trials that tell anything
BEST = 5  # trials, at least, that count as good


def importances(
    space: Space, params: Sequence[Mapping[str, Any]], values: Sequence[float], way: str
) -> dict[str, float]:
    """Each knob's share, adding up to 1, in what makes a trial one of the best tenth, or of the best 5 where that is
    more; empty where fewer than 8 trials can tell. `way` is minimize or maximize.

    PED-ANOVA (Watanabe, Bansal, Hutter: Quantifying Hyperparameter Importance in Arbitrary Subspaces, IJCAI 2023).
    """
    if len(values) < FEWEST or len(set(values)) == 1:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    sign = -1 if way == "maximize" else 1  # the evaluator assumes that less is better
    study.add_trials([_frozen(space, one, sign * value) for one, value in zip(params, values, strict=True)])
    share = max(0.1, min(0.5, BEST / len(values)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that settings which few trials have are hard to tell of
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=share))
    return found if all(map(math.isfinite, found.values())) else {}


def _frozen(space: Space, params: Mapping[str, Any], value: float) -> optuna.trial.FrozenTrial:
    known = {name: distribution(space[name]) for name in params}
    return optuna.trial.create_trial(state=TrialState.COMPLETE, value=value, params=dict(params), distributions=known)
