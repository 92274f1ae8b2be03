"""The learning rate as a pure function of the step."""

from math import cos, pi


def cosine(step: int, steps: int, warmup: float) -> float:
    """Share of the highest rate: a line up over `warmup` of all steps, then half a cosine down to 0."""
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return (1 + cos(pi * (step - rise) / max(1, steps - rise))) / 2
