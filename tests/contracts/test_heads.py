"""Every model: pruning takes no channel of a head, and takes elsewhere what it says it takes (Torch-Pruning#147)."""

from __future__ import annotations

from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from mfast_edge.latency import layers
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.stages.channels import narrow, ranked, silenced
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.widths import narrowed, thin
from mfast_edge.workshop import Built, Workshop
from tests.contracts.test_rebuild import SMALL, shop_of


@pytest.fixture(scope="module", params=sorted(MODELS))
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp(request.param)
    return shop_of(find(request.param, MODELS), folder, folder / "data")


def heads(made: Built, shop: Workshop) -> dict[str, int]:
    """{path: channels or features that come out} of every leaf that the model calls a head."""
    names = {module: name for name, module in made.network.named_modules()}
    return {names[head]: len(head.get_parameter("weight")) for head in shop.model.heads(made.network)}


def test_every_layer_that_ends_the_network_is_a_head(shop: Workshop) -> None:
    made = shop.fresh()
    last = {layer.path for layer in layers(made.network.eval(), shop.example(made.build)) if layer.last}
    assert last
    assert last <= set(heads(made, shop))


def test_pruning_leaves_every_head_as_wide_and_every_output_as_large(shop: Workshop, tmp_path: Path) -> None:
    """A tenth of the multiply-adds and more than a third; the widths of heads are those of a network just built."""
    built = heads(shop.fresh(), shop)
    with torch.no_grad():
        shapes = [out.shape for out in shop.fresh().network.eval()(shop.example(shop.build))]
    for keep in (0.9, 0.65):
        made = shop.fresh()
        made.network.eval()
        thin(made, Prune(keep=keep, batches=1, looks=1, batch=8, round_to=4), shop, tmp_path)
        assert heads(made, shop) == built
        with torch.no_grad():
            assert [out.shape for out in made.network.eval()(shop.example(made.build))] == shapes


def test_a_group_silenced_says_what_the_network_says_without_it(shop: Workshop) -> None:
    """So channels that are added, multiplied, normed or joined together go together. All groups at once are halved."""
    torch.manual_seed(0)
    agree_without(shop.fresh(), shop)


def agree_without(made: Built, shop: Workshop) -> None:
    """The network with half of each group's channels silenced, the narrowed one and what is predicted of its layers."""
    awake(made.network)
    groups = ranked(made, Prune(batches=1, batch=8), shop)
    members = [path for group in groups.values() for path in group.outputs]
    assert len(members) == len(set(members))
    widths = {name: max(1, len(group.order) // 2) for name, group in groups.items()}
    before = layers(made.network.eval(), shop.example(made.build))
    thinner = narrow(deepcopy(made.network), shop.example(made.build), groups, widths).eval()
    assert narrowed(before, groups, widths) == layers(thinner, shop.example(made.build))
    image, whole = torch.rand_like(shop.example(made.build)) * 255, made.network.eval()
    with torch.no_grad(), ExitStack() as quiet:
        for name, width in widths.items():
            quiet.enter_context(silenced(whole, groups[name], width))
        for one, other in zip(whole(image), thinner(image), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert sum(one.numel() for one in thinner.parameters()) < sum(one.numel() for one in whole.parameters())


def awake(network: nn.Module) -> None:
    """Norms that shift and scale each channel otherwise: a channel mistaken for another is seen."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)


def test_every_model_has_a_smallest_build() -> None:
    assert set(SMALL) == set(MODELS)
