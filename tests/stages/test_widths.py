"""Which widths: the least harm for what is saved, on stair edges, as the network then really is."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from mfast_edge.latency import Layer, layers
from mfast_edge.models.ssd.tiny import MODEL
from mfast_edge.settings import check
from mfast_edge.stages import sensitivity as measuring
from mfast_edge.stages.channels import narrow, ranked, silenced
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.sensitivity import Sensitivity, sensitivity, steps, tried
from mfast_edge.stages.widths import Edge, Goal, Widths, cheapest, chosen, curve, narrowed, thin
from mfast_edge.store import Store
from mfast_edge.target import find
from mfast_edge.workshop import Workshop

PRUNE = Prune(keep=0.6, batches=2, batch=8, looks=1, round_to=4)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    data = read("particles:40x96", cache=tmp_path / "data", seed=0)
    build = MODEL.build(classes=data.classes)
    return Workshop(MODEL, build, data, find("x86"), Store(tmp_path), 0, "cpu", None, lambda _: None)


def test_edges_are_multiples_below_the_width_and_above_the_least() -> None:
    assert steps(100, Prune(round_to=16, most=0.8)) == [96, 80, 64, 48, 32]
    assert steps(96, Prune(round_to=16, most=0.5)) == [80, 64, 48]
    assert steps(16, Prune(round_to=16)) == []


def test_the_narrowest_edge_is_tried_and_few_others() -> None:
    assert tried([96, 80, 64, 48, 32, 16])[-1] == 16
    assert len(tried(list(range(304, 0, -16)))) == 5
    assert tried([32]) == [32]
    assert tried([]) == []


def test_harm_between_tried_widths_is_a_line_and_never_falls() -> None:
    found = Sensitivity({}, {"a": [(32, 0.0), (24, 0.4), (16, 0.2), (8, 1.0)]})
    rows = curve("a", found, Prune(round_to=4, most=0.75), lambda widths: widths.get("a", 32) / 32)
    assert [row.width for row in rows] == [32, 28, 24, 20, 16, 12, 8]
    assert [row.harm for row in rows] == pytest.approx([0, 0.2, 0.4, 0.4, 0.4, 0.7, 1.0], abs=1e-3)
    assert [row.saved for row in rows] == pytest.approx([0, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4])


EDGES = {  # narrowing a saves as much as narrowing b and harms a tenth
    "a": [Edge(32, 0.0, 0.0), Edge(16, 0.01, 0.2), Edge(8, 0.5, 0.3)],
    "b": [Edge(32, 0.0, 0.0), Edge(16, 0.1, 0.2), Edge(8, 0.2, 0.3)],
}


def cost(widths: Widths) -> float:
    return 1 - sum(next(e.saved for e in EDGES[name] if e.width == wide) for name, wide in widths.items())


@pytest.mark.parametrize(
    ("goal", "widths"),
    [(0.9, {"a": 16, "b": 32}), (0.7, {"a": 16, "b": 16}), (0.5, {"a": 16, "b": 8}), (0.41, {"a": 8, "b": 8})],
)
def test_the_least_harmful_goes_first(goal: float, widths: Widths) -> None:
    assert cheapest(EDGES, cost, Goal(len, goal, "keep", "")) == widths


def test_what_cannot_be_reached_is_refused_with_what_can() -> None:
    with pytest.raises(UserError, match=r"0\.3 given; stair edges leave 0\.40"):
        cheapest(EDGES, cost, Goal(len, 0.3, "keep", "of the multiply-adds"))


def test_a_threshold_of_nothing_narrows_only_what_does_no_harm() -> None:
    free = {"a": [Edge(32, 0.0, 0.0), Edge(16, 0.0, 0.2), Edge(8, 0.1, 0.3)]}
    assert chosen(free, 0.0) == {"a": 16}


def test_the_network_becomes_what_was_worked_out(shop: Workshop, tmp_path: Path) -> None:
    made = shop.fresh()
    before = layers(made.network, shop.example(made.build))
    thin(made, PRUNE, shop, tmp_path)
    after = layers(made.network, shop.example(made.build))
    found = sensitivity(shop.fresh(), PRUNE, shop, tmp_path)
    have = {layer.path: layer.outside for layer in after}
    widths = {name: have[name] for name in found.groups}
    assert narrowed(before, found.groups, widths) == after
    assert any(width < len(found.groups[name].order) for name, width in widths.items())
    assert all(width % 4 == 0 for width in widths.values())
    assert sum(layer.macs for layer in after) <= 0.6 * sum(layer.macs for layer in before)


def test_silenced_channels_are_as_good_as_gone(shop: Workshop) -> None:
    made = shop.fresh()
    made.network.train()
    example = torch.rand(4, *shop.example(made.build).shape[1:]) * 255
    groups = ranked(made, PRUNE, shop)
    assert groups
    for name, group in groups.items():
        width = len(group.order) // 2
        thinner = narrow(deepcopy(made.network), example[:1], groups, {name: width}).train()
        with torch.no_grad(), silenced(made.network.train(), group, width):
            for one, two in zip(made.network(example), thinner(example), strict=True):
                torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)
    for one, two in zip(made.network.parameters(), shop.fresh().network.parameters(), strict=True):
        assert torch.equal(one, two)


class Stairs:
    """A latency table: an invented ms per layer and multiply-add."""

    digest = "stairs"

    def predict(self, some: Sequence[Layer]) -> float:
        return 0.1 * len(some) + sum(layer.macs for layer in some) / 1e6


def test_milliseconds_are_met_by_the_latency_table(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workshop, "held", lambda *_: Stairs())
    made = shop.fresh()
    whole = Stairs().predict(layers(made.network, shop.example(made.build)))
    goal = Prune(target_ms=0.7 * whole, batches=2, batch=8, looks=1, round_to=4)
    assert shop.digests(goal.reads) == {
        **shop.digests(("data",)),
        "table onnxruntime": "stairs",
        "table openvino": "stairs",
    }
    thin(made, goal, shop, tmp_path)
    found = layers(made.network, shop.example(made.build))
    assert 0.55 * whole < Stairs().predict(found) <= 0.7 * whole
    share = shop.fresh()
    thin(share, Prune(keep_ms=0.7, batches=2, batch=8, looks=1, round_to=4), shop, tmp_path)
    assert layers(share.network, shop.example(share.build)) == found


def test_a_share_and_milliseconds_at_once_are_refused_and_neither_is_a_share() -> None:
    for other in ("keep_ms", "target_ms"):
        with pytest.raises(UserError, match=rf"keep 0\.5 and {other} 0\.2 given; one, the others"):
            check(Prune, {"keep": 0.5, other: 0.2}, "plan: prune")
        assert Prune(**{other: 0.2}).fitted(find("x86")).keep is None
    assert Prune(keep_ms=0.5).fitted(find("jetson")).keep_ms == 0.5
    assert Prune().fitted(find("x86")).keep == 0.7
    assert "table" not in Prune().reads


def test_sensitivity_is_measured_once_and_serves_another_share(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sensitivity(shop.fresh(), PRUNE, shop, tmp_path)
    monkeypatch.setattr(measuring, "measured", never)
    assert sensitivity(shop.fresh(), PRUNE.model_copy(update={"keep": 0.3}), shop, tmp_path) == first
    with pytest.raises(AssertionError):
        sensitivity(shop.fresh(), PRUNE.model_copy(update={"looks": 2}), shop, tmp_path)


@pytest.mark.parametrize("how", ["version", "device"])
def test_another_version_and_another_device_measure_sensitivity_for_themselves(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    made = shop.fresh()
    sensitivity(made, PRUNE, shop, tmp_path)
    monkeypatch.setattr(measuring, "measured", never)
    if how == "version":
        monkeypatch.setattr(Prune, "version", f"{PRUNE.version} and more")
    else:
        shop = replace(shop, asked_device="meta")
    with pytest.raises(AssertionError, match="measured again"):
        sensitivity(made, PRUNE, shop, tmp_path)


def never(*_: object) -> Sensitivity:
    raise AssertionError("measured again")
