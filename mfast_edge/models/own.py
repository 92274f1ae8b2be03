"""Weights of a whole file: a published backbone's, or one's own, a state_dict of this very network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from mfast_edge.backbones import origin
from mfast_edge.backbones.published import blocks
from mfast_edge.errors import UserError


def load(network: nn.Module, file: Path, tensors: Mapping[str, Tensor], kinds: str, known: Sequence[str]) -> str:
    """Put `tensors` of `file` in: those of a `known` published backbone into `network.backbone`, else as `own` does.
    One line on what was taken. UserError where they do not fit."""
    if origin.origin({name: tensor.shape for name, tensor in tensors.items()}, known) is None:
        return own(network, file, tensors, kinds)
    backbone = network.backbone
    assert isinstance(backbone, nn.Module)
    taken = origin.load(backbone, origin.held(network), file, tensors)
    return f"{file.name}: {taken} of {len(blocks(network))} convolutions"


def own(network: nn.Module, file: Path, tensors: Mapping[str, Tensor], kinds: str) -> str:
    """Put all layers in; class heads, whose names hold `kinds`, start anew where they are of another class count.

    One line on what was taken. UserError where the file does not fit.
    """
    have = network.state_dict()
    heads = [name for name in tensors if kinds in name and name in have]
    skipped = [name for name in heads if tensors[name].shape != have[name].shape]
    given = {name: tensor for name, tensor in tensors.items() if name not in skipped}
    wrong = [
        name for name in have if name not in skipped and (name not in given or given[name].shape != have[name].shape)
    ]
    extra = [name for name in given if name not in have]
    if wrong or extra:
        first = (wrong + extra)[0]
        shape = tuple(given[first].shape) if first in given else "absent"
        wants = tuple(have[first].shape) if first in have else "no such tensor"
        raise UserError(
            f"--init: {file} does not fit this network: {len(wrong)} tensors differ or are absent, {len(extra)} are "
            f"unknown; first {first}: {shape} given, {wants} would be right"
        )
    network.load_state_dict({**have, **given})
    return f"{file.name}: all layers" + (", class heads start anew" if skipped else "")
