"""Limits that a deliverable must keep."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gate:
    """One limit and what was found; a value that is not a number never passes."""

    name: str
    limit: float
    value: float
    unit: str
    passed: bool


def at_most(name: str, value: float, limit: float, unit: str) -> Gate:
    """Return a gate that passes up to and including its limit."""
    return Gate(name, limit, value, unit, value <= limit)


def at_least(name: str, value: float, limit: float, unit: str) -> Gate:
    """Return a gate that passes from its limit on."""
    return Gate(name, limit, value, unit, value >= limit)


def weight(size: int, limit_mb: float = 100.0) -> Gate:
    """Return the gate on a file of `size` bytes, in MB of 10^6 bytes."""
    return at_most("weight", size / 1e6, limit_mb, "MB")
