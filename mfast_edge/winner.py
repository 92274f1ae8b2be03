"""Which trial wins: at least this quality, then fastest, then smallest; and a sentence on why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mfast_edge.ratios import FASTER
from mfast_edge.spaces import Goals


@dataclass(frozen=True, slots=True)
class Finished:
    """A trial that was answered: its number in the storage, what it tried, all its figures by name, its key in the
    store."""

    id: int
    params: Mapping[str, Any]
    figures: Mapping[str, float]
    key: str = ""


def chosen(trials: Sequence[Finished], objectives: Goals, least: float | None) -> tuple[Finished, str]:
    """The winner of at least one trial, and why.

    With `least`: of those with at least that quality the fastest, and of those that are as fast as the clock can
    tell the smallest; where none has it, the best. Without: the best by the first objective, then by the next.
    """
    if least is None:
        return by_objectives(trials, objectives)
    good = [trial for trial in trials if trial.figures["quality"] >= least]
    if not good:
        best = max(trials, key=lambda trial: (trial.figures["quality"], -trial.figures["ms"]))
        reached = f"trial {best.id} comes nearest with {best.figures['quality']:.3f}"
        return best, f"no trial of {len(trials)} reached a quality of {least:g}; {reached}"
    fastest = min(trial.figures["ms"] for trial in good)
    level = [trial for trial in good if trial.figures["ms"] * FASTER <= fastest]
    found = min(level, key=lambda trial: (trial.figures["mb"], trial.figures["ms"], -trial.figures["quality"]))
    tied = f", the smallest of {len(level)} as fast" if len(level) > 1 else ""
    return found, f"trial {found.id}: the fastest of {len(good)} with a quality of at least {least:g}{tied}"


def by_objectives(trials: Sequence[Finished], objectives: Goals) -> tuple[Finished, str]:
    """The best by one objective after the other."""

    def rank(trial: Finished) -> tuple[float, ...]:
        return tuple(trial.figures[name] * (-1 if way == "maximize" else 1) for name, way in objectives.items())

    found, first = min(trials, key=rank), next(iter(objectives))
    word = "highest" if objectives[first] == "maximize" else "lowest"
    return found, f"trial {found.id}: the {word} {first} of {len(trials)}, {found.figures[first]:.4g}"
