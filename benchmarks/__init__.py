"""Clocks, scales, scores and limits. Times named callables; never sees torch."""
