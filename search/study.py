"""Runs a search whose every trial is stored at once: an interrupted one goes on as if it had not been, and
several workers may run one together."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from search import begun, samplers
from search.attempt import attempt
from search.grid import Grid, make
from search.space import Space, Value, point, size, snapped, suggest, whole
from search.storage import Place, place
from search.trials import FINISHED, Objective, Pruned, Rejected, Report, Settings, StudyError, Trial, listed

__all__ = ["Objective", "Pruned", "Rejected", "Report", "Settings", "StudyError", "Trial", "read", "run"]
REPEATS = 16  # proposals of what was tried, before something untried is drawn
DEATHS = 3  # of workers at the same settings, which most likely are why: they take more memory than there is
PAUSE = 0.5  # seconds between two looks at what other workers are still running


def run(
    objective: Objective,
    space: Space,
    settings: Settings,
    *,
    trials: int | None,
    stop: Callable[[], bool] | None = None,
) -> list[Trial]:
    """Search until `trials` are finished or `stop` says so, and return all finished ones in their order.

    The objective is called with the settings and a Report. `stop` is asked before each trial. No settings are
    tried twice: a space whose settings can be counted ends the search when all are tried. The first trial has
    the values of `settings.first` that the space holds, and is drawn for the rest.

    Finished is what was answered, Rejected or Pruned: the same command again does nothing more. What one worker
    proposes depends only on the seed and on the answers so far, so an interrupted search, whenever it was
    stopped, goes on with the trials of an undisturbed one. Whatever else the objective raises is passed on, and
    that trial is repeated next time.

    Any number of workers may run one study at once: what they finished and what they are running together never
    exceeds `trials`, and each returns when the last one is finished. A trial left running by a dead process is
    failed and its settings are tried again, by one other trial; what three workers died of is Rejected.

    Raises StudyError if the storage cannot be reached, is none, or belongs to another space, seed, sampler, pruner
    or directions, or is about something else, or if an answer does not fit; OSError if it cannot be written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    begun.check(settings, space)
    at = place(settings.storage, settings.name, settings.heartbeat)
    with closing(at), at.joined():
        with at.turn():
            study = begun.open_study(at, space, settings)
        worker = _Worker(at, study, space, settings, size(space), make(space))
        worker.work(objective, trials, stop)
        return [trial for trial in listed(study.get_trials(deepcopy=False), space) if trial.number is not None]


def read(settings: Settings) -> list[Trial]:
    """All trials of a study as they are now, also running and failed ones, also while workers run; none if
    there is no such study. Of the settings only name, storage and heartbeat matter. StudyError: the storage is none."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with closing(place(settings.storage, settings.name, settings.heartbeat)) as at:
        return begun.read(at, settings)


@dataclass(frozen=True, slots=True)
class _Worker:
    """One worker at a study, which it sees as its storage has it."""

    place: Place
    study: optuna.Study
    space: Space
    settings: Settings
    points: int | None  # settings that the space holds
    grid: Grid | None  # those, where they are few enough to be listed

    def work(self, objective: Objective, trials: int | None, stop: Callable[[], bool] | None) -> None:
        """Run trials until there are enough, or none left, or it is told to stop."""
        while (trials is None or len(self.finished()) < trials) and not (stop and stop()):
            with self.place.turn():
                self.revive()
                running = self.running()
                full = trials is not None and len(self.finished()) + len(running) >= trials
                asked = None if full else self.ask(running)
            if asked:
                attempt(self.place, self.study, objective, asked, self.settings)
            elif running:  # by others, who may die
                time.sleep(PAUSE)
            elif not full:
                break

    def finished(self) -> list[FrozenTrial]:
        """What was answered, Rejected or Pruned."""
        return self.study.get_trials(deepcopy=False, states=FINISHED)

    def running(self) -> list[FrozenTrial]:
        """What all workers are at."""
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def revive(self) -> None:
        """Fail what dead workers left running, then queue once the settings of every failed trial that had drawn
        them all; those that DEATHS workers died of are Rejected."""
        self.place.bury(self.study)
        known = self.study.get_trials(deepcopy=False)
        tried = [trial.params for trial in known if trial.state in FINISHED]
        again = {trial.user_attrs.get("retried") for trial in known}
        lost = [one for one in known if one.state is TrialState.FAIL and "repeats" not in one.user_attrs]
        for trial in lost:
            if trial.number in again or trial.params in tried or not whole(self.space, trial.params):
                continue
            deaths = sum(one.params == trial.params and "broken off" not in one.user_attrs for one in lost)
            if deaths < DEATHS:
                self.study.enqueue_trial(trial.params, {"retried": trial.number})
            else:
                self.study.add_trial(deadly(trial, deaths, len(tried)))
                tried.append(trial.params)

    def ask(self, running: list[FrozenTrial]) -> tuple[optuna.Trial, dict[str, Value]] | None:
        """A trial of settings that no other one has; None where there are no more.

        What was tried is failed, which samplers do not see, and asked for anew with another seed.
        """
        known = self.finished() + running
        tried = [snapped(self.space, trial.params) for trial in known]
        if self.points is not None and len({tuple(params.items()) for params in tried}) >= self.points:
            return None
        for repeats in itertools.count():
            sampler = samplers.build(self.settings.sampler, self.space, self.settings.seed, len(known), repeats)
            asking = begun.taught(self.study, sampler, self.settings.curve)
            trial = asking.ask()
            if (params := suggest(trial, self.space)) not in tried:
                samplers.counted(asking, trial)
                self.sign(trial, len(known))
                return trial, params
            trial.set_user_attr("repeats", True)
            self.study.tell(trial.number, state=TrialState.FAIL)
            if self.points is not None and (self.grid or repeats == REPEATS):
                self.study.enqueue_trial(self.untried(tried, params))
        raise AssertionError("counting has no end")

    def sign(self, trial: optuna.Trial, number: int) -> None:
        """Say whose trial it is. The worker comes last: a trial without one was never begun."""
        trial.set_user_attr("place", number)
        self.place.beat(trial._trial_id)
        trial.set_user_attr("worker", self.place.worker)

    def untried(self, tried: list[dict[str, Value]], proposed: Mapping[str, Value]) -> dict[str, Value]:
        """Settings that no other trial has: next to those proposed, drawn evenly from all by random search and
        where there are too many to look at."""
        chance = np.random.default_rng((self.settings.seed, len(tried)))
        if self.grid:
            return self.grid.untried(tried, None if self.settings.sampler == "random" else proposed, chance)
        while (params := point(self.space, int(chance.integers(self.points or 0)))) in tried:
            pass
        return params


def deadly(trial: FrozenTrial, deaths: int, number: int) -> FrozenTrial:
    """A rejected trial of these settings, under its number among the finished ones."""
    about = {"retried": trial.number, "place": number, "why": f"{deaths} workers died of it"}
    state, drawn = TrialState.PRUNED, trial.distributions
    return optuna.trial.create_trial(state=state, params=trial.params, distributions=drawn, user_attrs=about)
