"""How large a map is, and how channels are rounded: what a network's shape follows from, without torch."""

from __future__ import annotations

from dataclasses import dataclass

STEP = 8  # channels come in multiples of it
LEAST = 0.9  # of the channels that were asked for


@dataclass(frozen=True, slots=True)
class Shape:
    """A square map of `side` cells a side; a vector where `side` is 0."""

    channels: int
    side: int

    def __str__(self) -> str:
        return f"{self.channels} x {self.side} x {self.side}" if self.side else str(self.channels)


def divisible(channels: float, step: int = STEP) -> int:
    """The nearest multiple of `step`, at least one, never below 90 % of what is asked (Howard 2019's code)."""
    found = max(step, int(channels + step / 2) // step * step)
    return found + step if found < LEAST * channels else found


def slid(side: int, kernel: int, stride: int, pad: int) -> int:
    """Cells a side after a window of `kernel` cells has moved over a map; 0 or less where it does not fit."""
    return (side + 2 * pad - kernel) // stride + 1
