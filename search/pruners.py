"""Who gives a trial up before its end: pruners by name, over the curves of a study of any number of objectives."""

import copy
from collections.abc import Callable

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.storage import View
from search.trials import Settings, StudyError


def _hyperband(steps: int | None) -> BasePruner:
    """Successive halvings that begin at different steps (Li et al. 2018)."""
    return HyperbandPruner(max_resource=steps or "auto")


# asha halves from the second step on: optuna's quarters from the first give up, in replayed tables whose settings
# learn at different paces, what would have won.
PRUNERS: dict[str, Callable[[int | None], BasePruner]] = {
    "none": lambda _: NopPruner(),
    "median": lambda _: MedianPruner(),
    "asha": lambda _: SuccessiveHalvingPruner(min_resource=2, reduction_factor=2),  # asynchronous (Li et al. 2020)
    "hyperband": _hyperband,
}


def check(name: str) -> None:
    """StudyError unless there is a pruner of this name."""
    if name not in PRUNERS:
        raise StudyError(f"search: pruner is {name!r}; wanted one of {', '.join(PRUNERS)}")


def hopeless(settings: Settings, study: optuna.Study, trial: int) -> bool:
    """Whether the pruner gives up the trial of this id in the storage.

    optuna's pruners know studies of one objective only: they are shown this one with the direction of its
    curves. Each time a new pruner sees the same trials at the same places: what it decides depends on nothing
    that a process could take with it.
    """
    own = _placed(study._storage.get_trial(trial))
    assert own is not None, "a trial that reports is running"
    if own.last_step == settings.steps:
        return False
    way = StudyDirection[settings.curve.upper()]
    seen = View(study._storage, _placed, [way]).study(study.study_name, study.sampler)
    return PRUNERS[settings.pruner](settings.steps).prune(seen, own)


def _placed(trial: FrozenTrial) -> FrozenTrial | None:
    """The trial under the number that it would have had in a study without failures; None: it is one."""
    if trial.state is TrialState.FAIL:
        return None
    shown = copy.copy(trial)
    shown.number = trial.user_attrs.get("place", trial.number)
    return shown
