"""Runs a search whose every trial is on disk at once: an interrupted one goes on as if it had not been."""

import fcntl
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from search.space import Space, Value, holds, point, size, snapped, suggest

Objective = Callable[[Mapping[str, Value]], Sequence[float]]
Direction = Literal["minimize", "maximize"]
DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")
REPEATS = 16  # proposals of what was tried, before something untried is drawn
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class StudyError(ValueError):
    """A search that cannot be run, or not be gone on with, as asked."""


class Rejected(Exception):
    """Raised by an objective: these settings are not worth finishing. The trial counts as finished."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One study in a journal file; a direction, minimize or maximize, for each value of the objective."""

    name: str
    directions: tuple[str, ...]
    seed: int
    storage: Path
    first: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial; `number` is its place among the finished ones, `values` empty if rejected."""

    number: int
    params: Mapping[str, Value]
    values: tuple[float, ...]
    state: Literal["complete", "rejected"]


def run(
    objective: Objective,
    space: Space,
    settings: Settings,
    *,
    trials: int | None,
    stop: Callable[[], bool] | None = None,
) -> list[Trial]:
    """Search until `trials` are finished or `stop` says so, and return all finished ones in their order.

    `stop` is asked before each trial. No settings are tried twice: a space whose settings can be counted ends
    the search when all are tried. The first trial has the values of `settings.first` that the space holds, and
    is drawn for the rest.

    Finished is what was answered or Rejected: the same command again does nothing more. What runs
    proposes depends only on the seed and on the answers so far, so an interrupted search, whenever it was
    stopped, goes on with the trials of an undisturbed one. A trial left running by a dead process is
    failed and its settings are tried again. Whatever else the objective raises is passed on, and that
    trial is repeated next time. Raises StudyError if the journal belongs to another space, seed or
    directions, is in use or broken, or if an answer does not fit; OSError if it cannot be written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _alone(settings.storage):
        study = _open(space, settings)
        _revive(study, space)
        if settings.first and not study.get_trials(deepcopy=False):
            study.enqueue_trial({name: value for name, value in settings.first.items() if holds(space[name], value)})
        while (trials is None or len(_finished(study)) < trials) and not (stop and stop()):
            if (asked := _ask(study, space, settings.seed)) is None:
                break
            _try(study, objective, *asked)
        return [_trial(number, frozen, space) for number, frozen in enumerate(_finished(study))]


class _Held(JournalFileOpenLock):
    """Nothing left to lock: `_alone` holds the journal, and no dead process leaves a lock behind."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@contextmanager
def _alone(storage: Path) -> Iterator[None]:
    """Hold the journal for one process, so that whatever is still running in it must be dead."""
    storage.parent.mkdir(parents=True, exist_ok=True)
    with storage.with_name(f"{storage.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(f"{storage}: another process is searching here; wait until it ends") from None
        yield


def _open(space: Space, settings: Settings) -> optuna.Study:
    if not settings.directions or any(way not in DIRECTIONS for way in settings.directions):
        raise StudyError(f"search: directions are {settings.directions}; wanted {' or '.join(DIRECTIONS)}")
    _mend(settings.storage)
    try:
        study = _load(settings)
    # optuna asserts that it knows every operation.
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise StudyError(f"{settings.storage}: not the journal of a search ({error})") from error
    _recognise(study, space, settings)
    return study


def _load(settings: Settings) -> optuna.Study:
    path, name = str(settings.storage), settings.name
    storage = JournalStorage(JournalFileBackend(path, _Held(path)))
    if name in optuna.get_all_study_names(storage):
        return optuna.load_study(study_name=name, storage=storage)
    directions = cast(tuple[Direction, ...], settings.directions)  # checked by _open
    return optuna.create_study(study_name=name, storage=storage, directions=directions)


def _mend(journal: Path) -> None:
    """Cut off a last line that a dying process did not finish: another one would be glued to it."""
    if journal.exists() and not (text := journal.read_bytes()).endswith(b"\n"):
        journal.write_bytes(text[: text.rfind(b"\n") + 1])


def _recognise(study: optuna.Study, space: Space, settings: Settings) -> None:
    """Write what is searched into a new study, and refuse one that searched something else."""
    knobs = {name: {"type": type(knob).__name__, **asdict(knob)} for name, knob in space.items()}
    asked = json.loads(json.dumps({"seed": settings.seed, "space": knobs}))  # tuples are lists, as there
    if not study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr("asked", asked)
    begun = study.user_attrs.get("asked", {})
    odd = [key for key in asked if begun.get(key) != asked[key]]
    if [way.name.lower() for way in study.directions] != list(settings.directions):
        odd.append("directions")
    if odd:
        differs = f"the study {settings.name!r} was begun with a different {' and '.join(odd)}"
        raise StudyError(f"{settings.storage}: {differs}; name this search otherwise, or use another file")


def _revive(study: optuna.Study, space: Space) -> None:
    """Fail what a dead process left running, then queue its settings if it had drawn them all."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        tried = [done.params for done in _finished(study)]
        if trial.params.keys() == space.keys() and trial.params not in tried:
            study.enqueue_trial(trial.params)


def _ask(study: optuna.Study, space: Space, seed: int) -> tuple[optuna.Trial, dict[str, Value]] | None:
    """A trial of settings that no finished one has; None where there are no more.

    What was tried is failed, which the sampler does not see, and asked for anew with another seed.
    """
    done, whole = _finished(study), size(space)
    tried = [snapped(space, trial.params) for trial in done]
    if whole is not None and len({tuple(params.values()) for params in tried}) >= whole:
        return None
    for repeats in itertools.count():
        if whole is not None and repeats == REPEATS:
            study.enqueue_trial(_untried(space, tried, whole, seed))
        study.sampler = _sampler(seed, len(done), repeats)
        trial = study.ask()
        if (params := suggest(trial, space)) not in tried:
            return trial, params
        study.tell(trial, state=TrialState.FAIL)
    raise AssertionError("counting has no end")


def _untried(space: Space, tried: list[dict[str, Value]], whole: int, seed: int) -> dict[str, Value]:
    """Settings that no finished trial has, drawn evenly."""
    chance = np.random.default_rng((seed, len(tried)))
    while (params := point(space, int(chance.integers(whole)))) in tried:
        pass
    return params


def _sampler(seed: int, place: int, repeats: int) -> optuna.samplers.BaseSampler:
    """Return a new sampler for each place in the study: no random state has to survive a process."""
    mixed = int(np.random.SeedSequence((seed, place, repeats)).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=mixed, constant_liar=False)


def _try(study: optuna.Study, objective: Objective, trial: optuna.Trial, params: Mapping[str, Value]) -> None:
    try:
        values = [float(value) for value in objective(params)]
    except Rejected:
        study.tell(trial, state=TrialState.PRUNED)
        return
    if len(values) != len(study.directions) or not all(map(math.isfinite, values)):
        wanted = f"{len(study.directions)} finite number(s), or Rejected"
        raise StudyError(f"search: the objective answered {values} for {params}; wanted {wanted}")
    study.tell(trial, values)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=FINISHED)


def _trial(number: int, frozen: FrozenTrial, space: Space) -> Trial:
    state: Literal["complete", "rejected"] = "complete" if frozen.state is TrialState.COMPLETE else "rejected"
    return Trial(number, snapped(space, frozen.params), tuple(frozen.values or ()), state)
