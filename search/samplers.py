"""Who proposes the next settings: samplers by name, each new for every place in a study."""

import warnings
from collections.abc import Callable

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from search.evolution import Evolution
from search.space import Space
from search.trials import StudyError

POPULATION = 12  # of NSGA-II: optuna's 50 would leave a search of 40 trials to chance


def build(name: str, space: Space, seed: int, place: int, repeats: int) -> BaseSampler:
    """Return a new sampler for each place in the study: no random state has to survive a process."""
    mixed = int(np.random.SeedSequence((seed, place, repeats)).generate_state(1)[0])
    return SAMPLERS[name](space, mixed)


def check(name: str, space: Space, objectives: int) -> None:
    """StudyError unless there is a sampler of this name that can do this."""
    if name not in SAMPLERS:
        raise StudyError(f"search: sampler is {name!r}; wanted one of {', '.join(SAMPLERS)}")
    if name == "evolution" and objectives > 1:
        wanted = "name one objective, or take the sampler nsga2"
        raise StudyError(f"search: evolution breeds by one fitness, this study has {objectives} objectives; {wanted}")


def counted(study: optuna.Study, trial: optuna.Trial) -> None:
    """Give a trial whose settings were queued its generation, which NSGA-II gives only to what it draws."""
    if isinstance(study.sampler, NSGAIISampler):
        study.sampler.get_trial_generation(study, study._storage.get_trial(trial._trial_id))


def _tpe(space: Space, seed: int) -> BaseSampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011; several objectives: Ozaki et al. 2022), which keeps
    away from what other workers are trying."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # groups: knobs that are there together
        grouped = any(knob.when for knob in space.values())
        return TPESampler(seed=seed, constant_liar=True, multivariate=True if grouped else None, group=grouped)


class _Parents(NSGAIISampler):
    """NSGA-II whose parents stand in one order, whether they were just selected or are read from the storage."""

    def select_parent(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation, in the order of their numbers."""
        return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)


def _nsga2(space: Space, seed: int) -> BaseSampler:
    """NSGA-II (Deb et al. 2002)."""
    return _Parents(population_size=POPULATION, seed=seed)


def _random(space: Space, seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[Space, int], BaseSampler]] = {
    "tpe": _tpe,
    "nsga2": _nsga2,
    "random": _random,
    "evolution": Evolution,
}
