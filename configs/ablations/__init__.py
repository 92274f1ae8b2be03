"""Ablations: what is varied, one factor at a time."""
