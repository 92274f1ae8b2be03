"""A study in its storage: begun, recognised, read."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, cast

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search import pruners, samplers
from search.journal import Journal
from search.knobs import Knob
from search.space import Space, holds, parse
from search.storage import Place, View, safe, told
from search.trials import Settings, StudyError, Trial, listed

Direction = Literal["minimize", "maximize"]
DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")
LATER = {"gain": 1.0, "when": []}  # fields that knobs had not from the beginning, and what they were then
USUAL = {"sampler": "tpe", "pruner": "none"}


def check(settings: Settings, space: Space) -> None:
    """StudyError unless such a search can be run."""
    ways = (*settings.directions, settings.curve)
    if not settings.directions or any(way not in DIRECTIONS for way in ways):
        raise StudyError(f"search: directions are {ways}; wanted {' or '.join(DIRECTIONS)}")
    samplers.check(settings.sampler, space, len(settings.directions))
    pruners.check(settings.pruner)


def open_study(at: Place, space: Space, settings: Settings) -> optuna.Study:
    """The study, made if there is none, with the first trial queued. To be called in a turn."""
    with told(settings.storage):
        storage = at.open()
        if settings.name not in optuna.get_all_study_names(storage):
            directions = cast(tuple[Direction, ...], settings.directions)  # as checked
            optuna.create_study(study_name=settings.name, storage=storage, directions=directions)
        study = _plain(storage, settings.name)
    _recognise(study, space, settings)
    if settings.first and not study.get_trials(deepcopy=False):
        held = {name: value for name, value in settings.first.items() if name in space and holds(space[name], value)}
        study.enqueue_trial(held)
    return study


def read(at: Place, settings: Settings) -> list[Trial]:
    """The trials of a study, if there is one. StudyError: it is about something else."""
    if isinstance(at, Journal) and not at.path.exists():
        return []
    with told(settings.storage), at.turn():
        storage = at.open()
        if settings.name not in optuna.get_all_study_names(storage):
            return []
        study = _plain(storage, settings.name)
        _refuse(_other(study, settings), settings)
        return listed(study.get_trials(deepcopy=False), _space(study.user_attrs["asked"]["space"]))


def taught(study: optuna.Study, sampler: optuna.samplers.BaseSampler, curve: str) -> optuna.Study:
    """The study as a sampler is to see it.

    optuna's TPE ranks the pruned trials of one objective by their curves as if these had its direction, and
    fails at those of several: it is shown curves of the right sign, or none.
    """
    same = [way is StudyDirection[curve.upper()] for way in study.directions]
    sign = {1: 1.0 if same[0] else -1.0}.get(len(same), 0.0)
    return View(study._storage, lambda trial: _signed(trial, sign)).study(study.study_name, sampler)


def _plain(storage: BaseStorage, name: str) -> optuna.Study:
    return optuna.Study(name, storage, sampler=optuna.samplers.RandomSampler(), pruner=optuna.pruners.NopPruner())


def _signed(trial: FrozenTrial, sign: float) -> FrozenTrial:
    if trial.state is not TrialState.PRUNED or sign > 0 or not trial.intermediate_values:
        return trial
    shown = copy.copy(trial)
    shown.intermediate_values = {step: -value for step, value in trial.intermediate_values.items()} if sign else {}
    return shown


def _recognise(study: optuna.Study, space: Space, settings: Settings) -> None:
    """Write what is searched into a new study, and refuse one that searched something else."""
    knobs = {name: _written(knob) for name, knob in space.items()}
    asked: dict[str, Any] = {"seed": settings.seed, "space": knobs}
    asked |= {key: getattr(settings, key) for key in USUAL if getattr(settings, key) != USUAL[key]}
    if not study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr("asked", asked)
        study.set_user_attr("about", dict(settings.about))
    was = study.user_attrs.get("asked", {})
    odd = [key for key in ("seed", "space", *USUAL) if was.get(key) != asked.get(key)] + _other(study, settings)
    if [way.name.lower() for way in study.directions] != list(settings.directions):
        odd.append("directions")
    _refuse(odd, settings)


def _other(study: optuna.Study, settings: Settings) -> list[str]:
    """What a study is about otherwise."""
    known = study.user_attrs.get("about", {})
    return [name for name, value in settings.about.items() if known.get(name, value) != value]


def _refuse(odd: Sequence[str], settings: Settings) -> None:
    """StudyError where anything is odd."""
    if odd:
        differs = f"the study {settings.name!r} was begun with a different {' and '.join(odd)}"
        raise StudyError(f"{safe(settings.storage)}: {differs}; name this search otherwise, or use another storage")


def _written(knob: Knob) -> dict[str, Any]:
    """A knob as JSON: tuples are lists there; a field that it may be without is left out."""
    fields = json.loads(json.dumps({"type": type(knob).__name__, **asdict(knob)}))
    return {key: value for key, value in fields.items() if key not in LATER or value != LATER[key]}


def _space(written: Mapping[str, Mapping[str, Any]]) -> Space:
    """The space that a study was begun with."""
    return parse({name: {**entry, **_spoken(entry)} for name, entry in written.items()})


def _spoken(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A knob's type and conditions as they are written by hand."""
    return {"type": entry["type"].lower(), "when": [{other: values} for other, values in entry.get("when", ())]}
