"""The learning rate as a pure function of the step."""

from math import cos, pi

from mfast_edge.recipe import Schedule

CYCLES = 3  # of cosines with warm restarts, each twice as long as the one before


def share(name: Schedule, step: int, steps: int, warmup: float) -> float:
    """Share of the highest rate: a line up over `warmup` of all steps, then down to 0 as `name` says.

    cosine: half a cosine. restarts: CYCLES of them (Loshchilov 2017). linear: a line. constant: stays at 1.
    """
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    if name == "constant":
        return 1.0
    if name == "linear":
        return 1 - done
    return (1 + cos(pi * (cycled(done) if name == "restarts" else done))) / 2


def cycled(done: float) -> float:
    """How far the cycle is that is at work when `done` of all is done: lengths 1, 2, 4 … of their sum."""
    unit = done * (2**CYCLES - 1)
    cycle = next(n for n in range(CYCLES) if unit < 2 ** (n + 1) - 1 or n == CYCLES - 1)
    return (unit - (2**cycle - 1)) / 2**cycle
