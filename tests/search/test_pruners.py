"""Trials given up early, in studies of one objective and of several."""

import itertools

import optuna
import pytest

from search.begun import taught
from search.space import parse
from search.study import Pruned, Rejected, Settings, StudyError, read, run

SPACE = parse({"a": {"type": "float", "low": 0, "high": 1}, "b": {"type": "float", "low": 0, "high": 1}})
STEPS = 9


class StopError(Exception):
    """Stands for whatever breaks a search off."""


def curve(params, report):
    """Quality that grows to a, in nine steps; b is a time."""
    for step in range(1, STEPS + 1):
        report(step, params["a"] * step / STEPS)
    return params["a"], params["b"]


def first(params, report):
    return curve(params, report)[:1]


def settings(place, pruner, directions=("maximize", "minimize"), **given):
    return Settings("search", directions, 0, place, pruner=pruner, **given)


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
@pytest.mark.parametrize(("body", "directions"), [(curve, ("maximize", "minimize")), (first, ("maximize",))])
def test_what_falls_behind_is_given_up_and_the_best_is_not(pruner, body, directions):
    done = run(body, SPACE, settings(None, pruner, directions, steps=STEPS), trials=30)
    given_up = [trial for trial in done if trial.state == "pruned"]
    assert 5 <= len(given_up) < 30
    assert all(trial.values == () and 1 <= max(trial.curve) < STEPS for trial in given_up)
    kept = [trial for trial in done if trial.state == "complete"]
    assert all(list(trial.curve) == list(range(1, STEPS + 1)) for trial in kept)
    assert max(trial.params["a"] for trial in kept) == max(trial.params["a"] for trial in done)


def test_curves_that_are_to_fall_are_pruned_the_other_way_round():
    done = run(curve, SPACE, settings(None, "median", curve="minimize"), trials=30)
    given_up = [trial.params["a"] for trial in done if trial.state == "pruned"]
    kept = [trial.params["a"] for trial in done[5:] if trial.state == "complete"]
    assert given_up
    assert max(kept) < max(given_up)


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_a_pruned_search_interrupted_anywhere_is_the_undisturbed_one(tmp_path, pruner):
    whole = run(curve, SPACE, settings(tmp_path / "whole", pruner, steps=STEPS), trials=14)
    assert any(trial.state == "pruned" for trial in whole)
    for after in (1, 20, 33, 50):
        cut = settings(tmp_path / str(after), pruner, steps=STEPS)
        left = itertools.count()

        def breaks(params, report, left=left, after=after):
            def told(step, value):
                if next(left) == after:
                    raise StopError
                report(step, value)

            return curve(params, told)

        with pytest.raises(StopError):
            run(breaks, SPACE, cut, trials=14)
        assert run(curve, SPACE, cut, trials=14) == whole


def test_nobody_is_given_up_at_the_last_step():
    def late(params, report):
        report(4, params["a"])
        return params["a"], params["b"]

    assert {t.state for t in run(late, SPACE, settings(None, "asha", steps=4), trials=12)} == {"complete"}
    assert {t.state for t in run(late, SPACE, settings(None, "asha"), trials=12)} == {"complete", "pruned"}


def test_a_trial_keeps_why_it_was_rejected_and_its_notes(tmp_path):
    def answer(params, report):
        report.note("ms", {"ours": 12.5})
        raise Rejected("12.5 ms exceed 8")

    place = settings(tmp_path / "log", "none")
    (trial,) = run(answer, SPACE, place, trials=1)
    assert (trial.state, trial.why, trial.notes) == ("rejected", "12.5 ms exceed 8", {"ms": {"ours": 12.5}})
    assert trial.seconds > 0
    assert read(place) == [trial]


def test_an_objective_may_prune_itself():
    def answer(params, report):
        raise Pruned

    (trial,) = run(answer, SPACE, settings(None, "none"), trials=1)
    assert (trial.number, trial.values, trial.state) == (0, (), "pruned")


@pytest.mark.parametrize(
    ("directions", "curve", "seen"),
    [
        (["minimize"], "maximize", {1: -0.25}),  # as if the curve were to fall, as what is searched for
        (["minimize"], "minimize", {1: 0.25}),
        (["maximize", "minimize"], "maximize", {}),  # which TPE cannot rank
    ],
)
def test_a_sampler_sees_the_curves_of_pruned_trials_with_the_sign_of_the_objective(directions, curve, seen):
    study = optuna.create_study(directions=directions)
    pruned = optuna.create_trial(state=optuna.trial.TrialState.PRUNED, intermediate_values={1: 0.25})
    study.add_trial(pruned)
    (trial,) = taught(study, optuna.samplers.TPESampler(), curve).get_trials()
    assert trial.intermediate_values == seen
    assert study.trials[0].intermediate_values == {1: 0.25}


def test_an_unknown_pruner_is_refused():
    with pytest.raises(StudyError, match="pruner is 'sha'; wanted one of none, median, asha, hyperband"):
        run(curve, SPACE, settings(None, "sha"), trials=1)
