"""Weights for a classifier: published ones of a network with the same layers, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mfast_edge.models.classifier.network import Classifier, weighing
from mfast_edge.models.own import own
from mfast_edge.networks.published import put


def load(network: Classifier, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` in; one line on what was taken. UserError where they do not fit.

    Published files fit networks with the same convolutions in the same order, as mobilenetv1 and mobilenetv2 have.
    """
    head = weighing(network)
    if said := put(network, file, tensors, network.get_submodule(head)):
        return f"{said}; the class head starts anew"
    return own(network, file, tensors, f"{head}.")
