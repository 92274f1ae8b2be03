"""Blueprints: what is told of a layer, chains in a layer's place, files of an earlier day."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from mfast_edge import blueprint
from mfast_edge.errors import Unfinished


def test_dilation_is_told_and_comes_back() -> None:
    network = nn.Sequential(nn.Conv2d(2, 4, 3, padding=6, dilation=6), nn.ReLU())
    told = json.loads(json.dumps(blueprint.layers(network)))
    again = nn.Sequential(nn.Conv2d(2, 4, 1), nn.ReLU())
    blueprint.restore(again, told)
    again.load_state_dict(network.state_dict())
    image = torch.rand(1, 2, 20, 20)
    assert torch.equal(again(image), network(image))


def test_a_blueprint_of_before_dilations_still_loads_and_builds_nothing_anew() -> None:
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU())
    told = {
        path: {k: v for k, v in spec.items() if k != "dilation"} for path, spec in blueprint.layers(network).items()
    }
    layer = network[0]
    blueprint.restore(network, told)
    assert network[0] is layer
    told["0"]["out_channels"] = 3
    blueprint.restore(network, told)
    assert network[0].weight.shape == (3, 2, 3, 3)


def test_a_chain_is_told_as_one_layer_and_replaces_one() -> None:
    chain = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.Conv2d(3, 4, 3))
    network = nn.Sequential(chain, nn.BatchNorm2d(4), nn.ReLU())
    told = blueprint.layers(network)
    assert list(told) == ["0", "1"]
    again = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    blueprint.restore(again, told)
    again.load_state_dict(network.state_dict())
    image = torch.rand(1, 2, 8, 8)
    assert torch.equal(again.eval()(image), network.eval()(image))


def test_a_sequence_with_anything_else_in_it_is_not_a_chain() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)))
    assert list(blueprint.layers(network)) == ["0.0", "0.1"]


def test_a_chain_with_an_unknown_link_is_refused() -> None:
    told = {"0": {"type": "Sequential", "layers": [{"type": "os.system"}]}}
    with pytest.raises(Unfinished, match="known leaves"):
        blueprint.restore(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()), told)
