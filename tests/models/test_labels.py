"""Which classes a file of weights finds: of one's own networks as many as its first class head says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mfast_edge.models.ssd.labels import labels
from mfast_edge.models.ssd.tiny import MODEL
from mfast_edge.stages.factors import blank

BUILD = MODEL.build(classes=("a", "b", "c"))


@pytest.mark.parametrize("decomposed", [(), ("box",), ("classify",), ("box", "classify")])
@pytest.mark.parametrize("up", [4, None], ids=["a 1x1 at the end", "the kernel at the end"])
def test_classes_are_counted_in_whole_and_in_decomposed_heads(decomposed: tuple[str, ...], up: int | None) -> None:
    network = MODEL.network(BUILD)
    level, head = next(iter(network.get_submodule("heads").named_children()))
    for name in decomposed:
        layer = nn.Conv2d(16, head.get_submodule(name).out_channels, 3)
        head.set_submodule(name, blank(layer, "tucker2", (up or layer.out_channels, 4)))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert f"heads.{level}.classify.bias" in shapes or "classify" in decomposed
    assert labels(shapes) == ("?", "?", "?")


def test_without_class_heads_there_are_no_labels() -> None:
    assert labels({"heads.0.box.bias": (16,), "body.classify.bias": tuple(torch.zeros(9).shape)}) == ()
