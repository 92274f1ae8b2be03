"""Weights for an SSD on MobileNet: Google's published ones with folded batch norms, a backbone alone, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mfast_edge.backbones.blocks import Block
from mfast_edge.backbones.published import fold, leading
from mfast_edge.errors import UserError
from mfast_edge.models.own import own
from mfast_edge.models.ssd.network import SSD, Head

CLASSES = ".classify."  # in the names of class heads


def load(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Put `tensors` of `file` into an SSD; one line on what was taken. UserError where they do not fit."""
    if "backbone.conv0.weight" in tensors:
        return published(network, file, tensors)
    return own(network, file, tensors, CLASSES)


def published(network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """Folded weights: each block takes its leading channels, its batch norm becomes an identity with a bias."""
    blocks = {name: module for name, module in network.named_modules() if isinstance(module, Block)}
    taken = 0
    for name, block in blocks.items():
        source = f"extra{int(name.split('.')[1]) + 2}.{name.split('.')[2]}" if name.startswith("extras") else name
        if f"{source}.weight" in tensors:
            fold((block.conv, block.norm), file, source, tensors)
            taken += 1
    heads = [head(module, int(level), file, tensors) for level, module in network.heads.items()]
    said = f"{file.name}: {taken} of {len(blocks)} blocks"
    return said + (
        f", box heads, {'class heads' if all(heads) else 'class heads start anew'}" if heads[0] is not None else ""
    )


def head(module: nn.Module, level: int, file: Path, tensors: Mapping[str, Tensor]) -> bool | None:
    """Box head taken; class head taken if the classes are as many. None: the file has no heads."""
    assert isinstance(module, Head)
    if f"head{level}.box.weight" not in tensors:
        return None
    put(module.box, file, f"head{level}.box", tensors, slice(None))
    rows = tensors[f"head{level}.class.bias"].reshape(module.box.out_channels // 4, -1)
    if rows.shape[1] != module.classes + 1:
        return False
    keep = torch.arange(rows.numel()).reshape(rows.shape)[:, 1:].flatten()  # the first logit is the background's
    put(module.classify, file, f"head{level}.class", tensors, keep)
    return True


def put(layer: nn.Conv2d, file: Path, source: str, tensors: Mapping[str, Tensor], rows: Tensor | slice) -> None:
    """A head's convolution: all of its outputs, the leading ones of its inputs."""
    weight, bias = tensors[f"{source}.weight"].float()[rows], tensors[f"{source}.bias"].float()[rows]
    if weight.shape[0] != layer.out_channels:
        raise UserError(f"--init: {file}: {source} gives {weight.shape[0]} outputs; {layer.out_channels} would fit")
    layer.weight.data.copy_(leading(weight, layer.weight.shape, f"{file}: {source}"))
    layer.bias.data.copy_(bias)  # type: ignore[union-attr]
