"""Knobs as optuna has them."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search.knobs import Categorical, Int, Knob


def distribution(knob: Knob) -> BaseDistribution:
    """What optuna draws from where it draws for this knob."""
    if isinstance(knob, Categorical):
        return CategoricalDistribution(knob.choices)
    if isinstance(knob, Int):
        return IntDistribution(knob.low, knob.high, log=knob.log, step=knob.step)
    return FloatDistribution(knob.low, knob.high, log=knob.log, step=knob.step)
