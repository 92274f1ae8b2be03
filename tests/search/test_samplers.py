"""Who proposes: each sampler by name, resumed anywhere, and what evolution does to a gene."""

import itertools

import numpy as np
import pytest

from search import evolution
from search.knobs import Categorical, Float, Int
from search.space import parse, whole
from search.study import Rejected, Settings, StudyError, run

SPACE = parse(
    {
        "model.kind": {"type": "categorical", "choices": ["small", "large"]},
        "model.width": {"type": "int", "low": 8, "high": 64, "step": 8, "when": {"model.kind": ["large"]}},
        "train.lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        "train.momentum": {"type": "float", "low": 0.6, "high": 0.98, "gain": 0.3},
    }
)
NAMES = ["tpe", "nsga2", "random", "evolution"]


class StopError(Exception):
    """Stands for whatever breaks a search off."""


def single(params, report):
    if params.get("model.width") == 16:
        raise Rejected
    return [params["train.momentum"] - abs(np.log10(params["train.lr"]) + 2) + params.get("model.width", 0) / 64]


def double(params, report):
    return [*single(params, report), params.get("model.width", 4)]


def settings(place, sampler, directions=("maximize",), **given):
    return Settings("search", directions, 0, place, sampler=sampler, **given)


CASES = [(name, single, ("maximize",)) for name in NAMES]
CASES += [(name, double, ("maximize", "minimize")) for name in NAMES if name != "evolution"]


@pytest.mark.parametrize(("name", "body", "directions"), CASES)
def test_every_sampler_goes_on_after_an_interruption_as_if_there_had_been_none(tmp_path, name, body, directions):
    done = run(body, SPACE, settings(tmp_path / "whole", name, directions), trials=30)
    assert all(whole(SPACE, trial.params) for trial in done)
    assert len({tuple(trial.params.items()) for trial in done}) == 30
    for after in (3, 13, 26):
        cut = settings(tmp_path / str(after), name, directions)
        left = itertools.count()

        def breaks(params, report, left=left, after=after):
            if next(left) == after:
                raise StopError
            return body(params, report)

        with pytest.raises(StopError):
            run(breaks, SPACE, cut, trials=30)
        assert run(body, SPACE, cut, trials=30) == done


HILL = parse({name: {"type": "float", "low": 0.01, "high": 1.0} for name in "abc"})


@pytest.mark.parametrize("name", ["tpe", "nsga2", "evolution"])
def test_a_sampler_that_learns_does_better_than_chance(name):
    def hill(params, report):
        return [sum(abs(value - 0.5) for value in params.values())]

    def late(sampler):
        done = run(hill, HILL, settings(None, sampler, ("minimize",)), trials=60)
        return np.median([trial.values[0] for trial in done[30:]])

    assert late(name) < 0.75 * late("random")


def test_several_objectives_are_searched_toward_their_front():
    def share(sampler):
        done = run(double, SPACE, settings(None, sampler, ("maximize", "minimize")), trials=60)
        return np.mean([trial.values[0] > 0 for trial in done[30:] if trial.values])

    assert share("tpe") > share("random")
    assert share("nsga2") > share("random")


def test_a_child_names_its_parent_and_the_first_trial_has_none():
    first = {"train.lr": 0.01, "train.momentum": 0.9, "model.kind": "small"}
    done = run(single, SPACE, settings(None, "evolution", first=first), trials=8)
    assert dict(done[0].params) == first
    assert done[0].parents == ()
    assert all(len(trial.parents) == 1 and trial.parents[0] < trial.id for trial in done[1:])
    grown = done[1].params["train.lr"] / first["train.lr"]
    assert 0.3 <= grown <= 3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sampler": "grid"}, "sampler is 'grid'; wanted one of tpe, nsga2, random, evolution"),
        ({"sampler": "evolution", "directions": ("maximize", "minimize")}, "breeds by one fitness, this study has 2"),
        ({"sampler": "tpe", "curve": "up"}, "wanted minimize or maximize"),
    ],
)
def test_what_no_sampler_can_do_is_refused(changes, sentence):
    with pytest.raises(StudyError, match=sentence):
        run(single, SPACE, settings(None, **changes), trials=1)


def test_another_sampler_or_pruner_is_another_study(tmp_path):
    run(single, SPACE, settings(tmp_path / "log", "random"), trials=1)
    with pytest.raises(StudyError, match="different sampler"):
        run(single, SPACE, settings(tmp_path / "log", "tpe"), trials=1)
    with pytest.raises(StudyError, match="different pruner"):
        run(single, SPACE, settings(tmp_path / "log", "random", pruner="asha"), trials=1)


def test_a_factor_moves_a_gene_within_its_limits_and_on_its_steps():
    chance = np.random.default_rng(0)
    assert evolution.mutate(Float(1e-5, 0.1), 0.01, 1.5, chance) == 0.015
    assert evolution.mutate(Float(1e-5, 0.1), 0.08, 3.0, chance) == 0.1
    assert evolution.mutate(Float(0.2, 0.95, 0.05), 0.5, 1.13, chance) == 0.55
    assert evolution.mutate(Int(8, 64, 8), 16, 1.5, chance) == 24
    assert evolution.mutate(Float(0.0, 0.5), 0.0, 1.2, chance) == pytest.approx(0.1)  # no factor could move it
    assert evolution.mutate(Categorical(("a",)), "a", 3.0, chance) == "a"


def test_factors_are_those_of_the_scheme():
    """80 % of the genes, N(0, 1) · U(0, 1) · 0.2 in share: a standard deviation of 0.2 · √(1/3) where moved; a
    gene of a smaller gain moves less, one of none never."""
    chance = np.random.default_rng(0)
    drawn = np.array([evolution.factors([1.0, 0.3, 0.0], chance) for _ in range(20_000)])
    assert (drawn[:, 2] == 1).all()
    assert not (drawn[:, :2] == 1).all(axis=1).any()
    moved = drawn[drawn[:, 0] != 1, 0]
    assert len(moved) / len(drawn) == pytest.approx(0.8 / (1 - 0.2**2), abs=0.02)  # drawn again where none moved
    assert moved.std() == pytest.approx(0.2 / np.sqrt(3), rel=0.05)
    assert drawn[:, 1].std() == pytest.approx(0.3 * drawn[:, 0].std(), rel=0.1)
    assert drawn.min() >= 0.3


def test_a_parent_is_drawn_by_how_much_fitter_it_is_than_the_least():
    chance = np.random.default_rng(0)
    drawn = [evolution.choose([0.1, 0.2, 0.4], chance) for _ in range(4000)]
    assert np.bincount(drawn, minlength=3) / 4000 == pytest.approx([0, 0.25, 0.75], abs=0.03)
