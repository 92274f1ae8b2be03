"""Every module in torch: the shape that the grammar foretold, a graph that exports, and pruning that finds its way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.networks.grammar import Asked, parse
from mfast_edge.networks.graph import Graph, build
from mfast_edge.networks.kinds import KINDS
from mfast_edge.networks.layers import Attention, Shuffle
from mfast_edge.workshop import Built, Workshop
from tests.contracts.test_heads import agree_without, awake
from tests.contracts.test_rebuild import rebuilt, same, shop_of

STEM = [1, "Conv", [16, 3, 2]]
END: list[Any] = [[1, "GlobalAvgPool", []], [1, "Flatten", []], [1, "Linear", ["classes"]]]
INNER = {"backbone": [[1, "Conv", [24, 3]], [1, "Conv", [24, 1]], [[0, 1], 1, "Add", ["ReLU"]]]}
NETS: dict[str, list[Any]] = {
    "mobile": [
        STEM,
        [2, "DWConv", [24, 3, 2]],
        [2, "InvertedResidualv2", [24, 3, 1]],
        [2, "InvertedResidualv3", [5, 2.5, 24, 1, 1, 2]],
        [2, "MBConv", [3, 24, 2, 5]],
        *END,
    ],
    "residual": [
        [1, "Focus", [16, 3]],
        [1, "MaxPool", [3, 2, 1]],
        [2, "ResBlock", [24, 2]],
        [2, "ResBottleneck", [32, 1]],
        [2, "Bottleneck", [32]],
        [1, "AvgPool", [2]],
        [1, "Dropout", [0.1]],
        *END,
    ],
    "joined": [
        STEM,
        [2, "Fire", [8, 16, 16]],
        [2, "GhostBottleneck", [3, 48, 24, True, 2]],
        [2, "C3", [24]],
        [1, "SPP", [16]],
        [1, "SPPF", [16]],
        *END,
    ],
    "ordered": [
        STEM,
        [3, "ShuffleNetV2", [2]],
        [1, "ECA", []],
        [2, "ECAInvertedResidualv2", [24, 2, 1]],
        [2, "ECAInvertedResidualv3", [3, 2.5, 24, 1, 1, 2]],
        *END,
    ],
    "crossed": [
        STEM,
        [2, "MBConvv2", [4, 24, 2, False]],
        [2, "MBConvv2", [2, 24, 1, True]],
        [2, "MV2Block", [24, 2]],
        [2, "BottleneckCSP", [24]],
        *END,
    ],
    "graph": [
        STEM,
        [-1, 1, "Conv", [24, 3, 2]],
        [-1, 1, "YamlModule", [INNER]],
        [-1, 1, "UpSample", [2]],
        [[0, -1], 1, "Concat", []],
        [-1, 1, "Conv", [16, 1]],
        [[0, -1], 1, "Add", ["HardSwish"]],
        [-1, 1, "Identity", []],
        [-1, 1, "GlobalAvgPool", []],
        [-1, 1, "FixedConv", ["classes", 1]],
        [-1, 1, "Flatten", []],
    ],
}


def test_the_nets_here_hold_every_module() -> None:
    assert {row[1] if isinstance(row[1], str) else row[2] for net in NETS.values() for row in net} == set(KINDS)


@pytest.fixture(params=NETS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Workshop:
    made = shop_of(find("classifier", MODELS), tmp_path, tmp_path / "data")
    return replace(
        made, build=made.model.build(classes=made.data.classes, size=64, network={"backbone": NETS[request.param]})
    )


def test_each_entry_makes_the_shape_that_was_foretold(shop: Workshop) -> None:
    entries = parse(shop.build.model_dump()["network"], Asked(len(shop.data.classes), 64))
    graph = Graph(entries).eval()
    with torch.no_grad():
        for entry in entries:
            (found,) = graph.run(torch.zeros(1, 3, 64, 64), 0, entry.number + 1, (entry.number,))
            sides = (entry.shape.side,) * 2 if entry.shape.side else ()
            assert found.shape == (1, entry.shape.channels, *sides), entry.name


def test_a_group_of_channels_silenced_says_what_the_network_says_without_it(shop: Workshop, tmp_path: Path) -> None:
    """And what pruning left is rebuilt bit for bit, and exports with the outputs that it had."""
    torch.manual_seed(0)
    made = shop.fresh()
    agree_without(made, shop)
    assert same(made.network, rebuilt(shop, made, tmp_path / "c"), torch.rand_like(shop.example(made.build)) * 255)
    exported(made, tmp_path / "net.onnx")


def exported(made: Built, path: Path) -> None:
    """Static, opset 13, nothing left that a device refuses, the network's own outputs: to_onnx raises otherwise."""
    from export.to_onnx import to_onnx

    to_onnx(made.network.eval(), (1, 3, 64, 64), path, names=("logits",), metadata={})


@pytest.mark.parametrize("block", [["InvertedResidualv2", [16, 1]], ["MV2Block", [16, 1, 1]]])
def test_a_block_that_expands_nothing_takes_any_channels(block: list[Any]) -> None:
    graph = Graph(parse({"backbone": [[1, "FixedConv", [12, 3]], [1, *block]]}, Asked(6, 16)))
    assert graph(torch.zeros(2, 3, 16, 16)).shape == (2, 16, 16, 16)


def test_focus_is_four_cells_as_channels_and_a_convolution() -> None:
    """Of twice the kernel and stride 2: weights moved over give the same map."""
    torch.manual_seed(0)
    (entry,) = parse({"backbone": [[1, "Focus", [8, 3, None]]]}, Asked(2, 16))
    network = Graph([entry]).eval()
    conv = torch.nn.Conv2d(12, 8, 3, padding=1, bias=False)
    wide = network.steps[0].conv.weight
    with torch.no_grad():
        for place in range(4):  # row and column of the cell of four
            row, column = divmod(place, 2)
            conv.weight[:, place * 3 : place * 3 + 3] = wide[:, :, row::2, column::2]
        image = torch.rand(1, 3, 16, 16)
        sliced = torch.cat([image[..., row::2, column::2] for row in (0, 1) for column in (0, 1)], 1)
        expected = network.steps[0].norm(conv(sliced))
        torch.testing.assert_close(network(image), expected)


def test_a_shuffle_takes_turns_between_its_two_ways() -> None:
    unit = Shuffle(None, torch.nn.Identity())
    found = unit(torch.arange(6.0).reshape(1, 6, 1, 1)).flatten().tolist()
    assert found == [0, 3, 1, 4, 2, 5]


def test_attention_reads_the_means_of_neighbouring_channels() -> None:
    unit = Attention(16, 3)
    assert Attention(256, None).near.kernel_size == (1, 5)  # Wang 2020, section 3.2.3
    with torch.no_grad():
        unit.near.weight.copy_(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3))
        x = torch.rand(1, 16, 4, 4)
        gate = torch.cat([torch.zeros(1, 1), x.mean((2, 3))[:, :-1]], 1).sigmoid()
        torch.testing.assert_close(unit(x), x * gate[..., None, None])


def test_several_outputs_come_out_and_what_none_follows_from_is_not_built() -> None:
    tree = {"backbone": [STEM, [1, "Conv", [24, 3, 2]], [0, 1, "Conv", [8, 1]]], "outputs": [0, 2, 1][:1] + [1, 2]}
    entries = parse(tree, Asked(2, 32))
    maps = build(entries, (0, 2)).eval().maps(torch.zeros(1, 3, 32, 32))
    assert [tuple(one.shape[1:]) for one in maps] == [(16, 16, 16), (8, 16, 16)]
    assert not list(build(entries, (0, 2)).steps[1].parameters())


def test_padding_same_is_tensorflow_s_where_sides_are_even() -> None:
    (entry,) = parse({"backbone": [[1, "Conv", [8, 3, 2]]], "padding": "same"}, Asked(2, 32))
    step = Graph([entry]).steps[0]
    assert step.pad == (0, 1, 0, 1)
    assert step(torch.zeros(1, 3, 32, 32)).shape[2:] == (16, 16)


def test_bfloat16_gradients_of_a_map_of_one_cell_are_finite() -> None:
    tree = {"backbone": [[5, "InvertedResidualv2", [8, 2, 2]], [1, "Conv", [8, 3, 2]], [1, "Conv", [8, 5]]] + END}
    tree["backbone"][:1] = [[1, "InvertedResidualv2", [8, 2, 2]]] * 5
    network = build(parse(tree, Asked(2, 32)))
    awake(network)
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.rand(4, 3, 32, 32)).float().square().sum().backward()
    assert all(torch.isfinite(one.grad).all() for one in network.parameters() if one.grad is not None)
