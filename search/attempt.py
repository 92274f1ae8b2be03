"""One trial, from its settings to its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import TrialState

from search.pruners import hopeless
from search.space import Value
from search.storage import Place
from search.trials import NOTE, Objective, Pruned, Rejected, Settings, StudyError

Asked = tuple[optuna.Trial, Mapping[str, Value]]


def attempt(place: Place, study: optuna.Study, objective: Objective, asked: Asked, settings: Settings) -> None:
    """Answer a trial; it is failed if the objective breaks off. Where other workers took this one for dead and
    are trying its settings again, the answer is theirs to find."""
    trial, params = asked
    teller = Teller(trial, study, settings)
    try:
        with place.beating(trial._trial_id):
            values = _answer(objective, params, teller)
    except BaseException:
        with suppress(StorageInternalError):  # what broke it off is told, and its heart beats no more
            teller.keep("broken off", True)  # and nobody died
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        raise
    with suppress(UpdateFinishedTrialError):
        state = TrialState.PRUNED if values is None else TrialState.COMPLETE
        study.tell(trial.number, values, state, skip_if_finished=True)


@dataclass(frozen=True, slots=True)
class Teller:
    """The Report of one trial."""

    trial: optuna.Trial
    study: optuna.Study
    settings: Settings

    def __call__(self, step: int, value: float) -> None:
        """Keep a value; raises Pruned where the pruner gives the trial up, or another worker has taken it."""
        storage, number = self.study._storage, self.trial._trial_id
        try:
            storage.set_trial_intermediate_value(number, int(step), float(value))
            if not hopeless(self.settings, self.study, number):
                return
        except UpdateFinishedTrialError:
            raise Pruned(f"trial {self.trial.number} is another worker's now") from None
        raise Pruned(f"{value:g} after step {step} falls behind")

    def note(self, name: str, value: Any) -> None:
        """Keep something of JSON with the trial."""
        self.keep(NOTE + name, value)

    def keep(self, name: str, value: Any) -> None:
        """Keep an attribute, unless the trial is another worker's by now."""
        with suppress(UpdateFinishedTrialError):
            self.trial.set_user_attr(name, value)


def _answer(objective: Objective, params: Mapping[str, Value], teller: Teller) -> Sequence[float] | None:
    """The objective's values; None: rejected or pruned."""
    try:
        values = [float(value) for value in objective(params, teller)]
    except Rejected as why:
        if str(why):
            teller.keep("why", str(why))
        return None
    except Pruned:
        teller.keep("pruned", True)
        return None
    wanted = len(teller.study.directions)
    if len(values) != wanted or not all(map(math.isfinite, values)):
        text = f"{wanted} finite number(s), Rejected or Pruned"
        raise StudyError(f"search: the objective answered {values} for {dict(params)}; wanted {text}")
    return values
