"""Latency tables: stairs, shares, what a network's layers are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from mfast_edge.errors import Unfinished, UserError
from mfast_edge.latency import SIDES, WIDTHS, Layer, Stairs, Table, around, layers, neighbours, thinner
from tests.export.nets import Net, built

CONV = Layer("conv", 128, 256, 19)
EVEN, INT8 = Stairs(16, 16), Stairs(4, 16)


def stairs(layer: Layer, steps: Stairs = EVEN) -> float:
    """An invented clock: multilinear in the steps' edges and the pixels, as kernels that pad to them are."""
    step = steps.outside if layer.kind == "depthwise" else steps.inside
    inside, outside = -(-layer.inside // step) * step, -(-layer.outside // steps.outside) * steps.outside
    work = inside if layer.kind == "depthwise" else inside * outside
    return 0.002 + layer.side**2 * (1e-6 * work + 3e-6 * inside + 5e-6 * outside)


def measured(*wanted: Layer, steps: Stairs = EVEN) -> Table:
    return Table({layer: stairs(layer, steps) for layer in neighbours(wanted, steps)}, 1.0, "d", steps)


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
@pytest.mark.parametrize("inside", [5, 8, 11, 16, 17, 33, 100, 112, 113, 500, 512, 513, 700])
@pytest.mark.parametrize("side", [1, 4, 12, 19, 47, 150, 299])
@pytest.mark.parametrize("steps", [EVEN, INT8])
def test_between_measured_edges_a_staircase_is_met_exactly(kind: str, inside: int, side: int, steps: Stairs) -> None:
    layer = Layer("conv", inside, 77, side) if kind == "conv" else Layer("depthwise", inside, inside, side, (3, 3))
    assert measured(layer, steps=steps).ms(layer) == pytest.approx(stairs(layer, steps))


def test_input_channels_have_stairs_of_their_own() -> None:
    """An int8 kernel multiplies fewer at once than it gives at once; a depthwise layer gives what it takes."""
    table = measured(CONV.wide(8, 16), CONV.wide(16, 16), steps=INT8)
    assert table.ms(CONV.wide(8, 16)) < table.ms(CONV.wide(12, 16)) < table.ms(CONV.wide(16, 16))
    assert table.ms(CONV.wide(12, 3)) == table.ms(CONV.wide(10, 16))
    thin, wide = (Layer("depthwise", width, width, 19, (3, 3)) for width in (8, 16))
    table = measured(thin, wide, steps=INT8)
    assert table.ms(thin) == table.ms(wide)


def test_a_step_is_flat_and_its_edge_is_a_jump() -> None:
    table = measured(CONV, CONV.wide(64, 256))
    inside_a_step = [table.ms(CONV.wide(width, 256)) for width in range(81, 97)]
    assert len(set(inside_a_step)) == 1
    jump = table.ms(CONV.wide(97, 256)) - inside_a_step[-1]
    assert jump == pytest.approx(stairs(CONV.wide(112, 256)) - stairs(CONV.wide(96, 256)))
    assert jump > 0


def test_shares_add_up_to_one_and_lie_on_measured_points() -> None:
    for layer in (CONV.wide(99, 1000), replace(CONV, side=30), Layer("depthwise", 40, 40, 7, (3, 3), 2)):
        found = dict(around(layer, EVEN))
        assert sum(found.values()) == pytest.approx(1)
        assert all(one.inside in WIDTHS and one.outside in WIDTHS and one.side in SIDES for one in found)


def test_colours_and_the_outputs_of_heads_are_never_rounded() -> None:
    assert {one.inside for one, _ in around(Layer("conv", 3, 40, 100, (3, 3), 2), EVEN)} == {3}
    assert {one.outside for one, _ in around(Layer("conv", 100, 18, 19, last=True), EVEN)} == {18}


def test_a_layer_that_was_measured_itself_is_not_interpolated() -> None:
    layer = CONV.wide(100, 100)
    assert Table({layer: 7.0}, 1.0, "d", EVEN).ms(layer) == 7


def test_a_network_is_the_sum_of_its_layers_wherever_they_stand() -> None:
    table = measured(CONV)
    assert table.predict([replace(CONV, path="a"), replace(CONV, path="b")]) == pytest.approx(2 * stairs(CONV))


def test_a_layer_outside_the_table_is_named() -> None:
    with pytest.raises(Unfinished, match="side=38"):
        measured(CONV).predict([replace(CONV, side=38)])


def test_what_covers_a_network_covers_every_thinner_one() -> None:
    full = [Layer("conv", 3, 32, 75, (3, 3), 2), Layer("depthwise", 96, 96, 38, (3, 3)), CONV]
    full.append(Layer("conv", 256, 18, 19, last=True))
    for steps in (EVEN, INT8):
        table = Table({layer: stairs(layer) for layer in thinner(full, steps)}, 1.0, "d", steps)
        for inside, outside in ((5, 1), (16, 48), (90, 250), (128, 256)):
            thin = [one.wide(min(inside, one.inside), min(outside, one.outside)) for one in full[1:3]]
            assert table.predict([full[0].wide(3, 9), *thin, full[3].wide(60, 18)]) > 0


def test_the_layers_of_a_network_come_in_the_order_of_their_calls() -> None:
    found = layers(built(Net), torch.zeros(1, 3, 64, 64))
    assert found == [
        Layer("image", 3, 3, 64),
        Layer("conv", 3, 16, 32, (3, 3), 2),
        Layer("depthwise", 16, 16, 16, (3, 3), 2),
        Layer("conv", 16, 32, 16),
        Layer("conv", 32, 4, 16, last=True),
        Layer("conv", 32, 3, 16, last=True),
    ]
    assert [one.path for one in found[1:3]] == ["body.0.0", "body.1.0"]


def test_a_row_of_numbers_is_no_image() -> None:
    chain = nn.Sequential(nn.Linear(20, 3), nn.Linear(3, 7)).eval()
    assert layers(chain, torch.zeros(1, 20)) == [Layer("linear", 20, 3, 1), Layer("linear", 3, 7, 1, last=True)]


class Odd(nn.Module):
    """A linear layer at the end, a removed layer, and a leaf that nobody calls."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=2, dilation=2)
        self.removed, self.unused, self.end = nn.Identity(), nn.Conv2d(8, 8, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.end(self.removed(torch.relu(self.first(x))).mean((2, 3)))
        return found


def test_removed_and_uncalled_layers_cost_nothing() -> None:
    network = Odd().requires_grad_(False)
    found = layers(network.eval(), torch.zeros(1, 3, 12, 12))
    assert found[1:] == [Layer("conv", 3, 8, 12, (3, 3), dilation=2), Layer("linear", 8, 5, 1, last=True)]
    assert not any(module._forward_hooks for module in network.modules())


def test_a_pooling_is_a_layer_without_multiply_adds() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(3, 1, 1)).eval()
    found = layers(network, torch.zeros(1, 3, 12, 12))[2:]
    assert found == [Layer("pool", 8, 8, 6, (2, 2), 2), Layer("pool", 8, 8, 6, (3, 3))]
    assert [one.path for one in found] == ["1", "3"]
    assert sum(one.macs for one in found) == 0
    assert found[0].wide(5, 7) == Layer("pool", 5, 5, 6, (2, 2), 2)


def test_groups_that_are_not_depthwise_are_refused_by_name() -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, 3, groups=2)).eval()
    with pytest.raises(UserError, match="0 has 2 groups"):
        layers(network, torch.zeros(1, 4, 9, 9))
