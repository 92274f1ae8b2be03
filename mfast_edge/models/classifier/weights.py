"""Weights for a classifier: one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mfast_edge.models.classifier.network import Classifier, weighing
from mfast_edge.models.own import own


def load(network: Classifier, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` in; one line on what was taken. UserError where they do not fit."""
    return own(network, file, tensors, f"{weighing(network)}.")
