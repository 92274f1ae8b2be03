"""decompose: exact at full ranks, taken where clock and outputs allow it, measured once, a function of its key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks import timing
from mfast_edge import blueprint, ratios, verdict
from mfast_edge.candidate import Candidate
from mfast_edge.clocked import Layer as Thick
from mfast_edge.clocked import answer, asked, expect, layers
from mfast_edge.data.index import read
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.pipeline import step_of
from mfast_edge.plan import read as plan
from mfast_edge.ratios import UNKNOWN, Offer, Ratio
from mfast_edge.settings import Settings
from mfast_edge.stages import factors
from mfast_edge.stages.decompose import Decompose
from mfast_edge.stages.factors import blank, decomposed
from mfast_edge.stages.offers import offered, offers
from mfast_edge.stages.replace import Choice, replace
from mfast_edge.store import Store, Work
from mfast_edge.target import Timing
from mfast_edge.target import find as find_target
from mfast_edge.workshop import Built, Workshop

BUILD = Settings()
ALL = Decompose(share=0.5, error=1.0, photos=2, round_to=4, images=16, batch=8, int8=False, precision="float32")


def low_rank(layer: nn.Conv2d, up: int, down: int) -> nn.Conv2d:
    """The layer with weights of these Tucker ranks."""
    outputs, inputs = layer.weight.shape[:2]
    core = torch.randn(up, down, *layer.kernel_size)
    weight = torch.einsum("ou,udhw,id->oihw", torch.randn(outputs, up), core, torch.randn(inputs, down))
    layer.weight.data.copy_(weight / weight.std())
    return layer


@pytest.mark.parametrize(("outputs", "inputs"), [(12, 40), (40, 12)])
def test_a_large_layer_s_svd_is_the_same_by_the_products_of_its_smaller_side(
    outputs: int, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = nn.Linear(inputs, outputs)
    wanted = decomposed(layer, "svd", (5,))
    monkeypatch.setattr(factors, "LARGE", 1)
    found = decomposed(layer, "svd", (5,))
    image = torch.rand(3, inputs)
    torch.testing.assert_close(found(image), wanted(image), atol=1e-5, rtol=1e-5)
    for one, two in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.weight.norm(), two.weight.norm())  # type: ignore[operator]


def test_a_layer_too_large_for_a_table_is_timed() -> None:
    layer = Thick(nn.Linear(1 << 14, (1 << 12) + 1, device="meta"), (1, 1 << 14), ())
    assert expect(layer, Offer("hidden", "svd", (16,)), lambda module, shape: 1.0) is None


@pytest.mark.parametrize(
    ("layer", "kind", "ranks"),
    [
        (nn.Conv2d(16, 24, 3, stride=2, padding=1), "tucker2", (8, 4)),
        (nn.Conv2d(16, 24, 3, padding=6, dilation=6, bias=False), "tucker2", (8, 4)),
        (nn.Conv2d(16, 24, 3, padding=1), "tucker2", (24, 4)),
        (nn.Conv2d(16, 24, (1, 3)), "tucker2", (8, 16)),
        (nn.Conv2d(16, 24, 3, padding=1), "cp", (144,)),
        (nn.Linear(20, 12), "svd", (12,)),
    ],
)
def test_a_layer_of_these_ranks_is_computed_exactly(layer: nn.Module, kind: str, ranks: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    if isinstance(layer, nn.Conv2d) and kind == "tucker2":
        low_rank(layer, *ranks)
    x = torch.randn(2, 20) if isinstance(layer, nn.Linear) else torch.randn(2, 16, 17, 17)
    with torch.no_grad():
        torch.testing.assert_close(decomposed(layer, kind, ranks)(x), layer(x), atol=2e-3, rtol=2e-3)


def test_a_side_of_full_rank_gets_no_link_of_its_own() -> None:
    chain = blank(nn.Conv2d(16, 24, 3), "tucker2", (24, 8))
    assert [tuple(link.weight.shape) for link in chain] == [(8, 16, 1, 1), (24, 8, 3, 3)]
    assert [link.bias is not None for link in chain] == [False, True]


def test_ranks_by_evbmf_are_rounded_up_and_weakened() -> None:
    torch.manual_seed(0)
    layer = low_rank(nn.Conv2d(64, 64, 3), 20, 9)
    layer.weight.data += 0.05 * torch.randn_like(layer.weight)
    assert offers("a", layer, Decompose(round_to=16, weaken=(0.0,))) == [
        Offer("a", "tucker2", (32, 16)),
        Offer("a", "cp", (32,)),
    ]
    assert offers("a", layer, Decompose(round_to=1, methods=("tucker2",), weaken=(0.0,))) == [
        Offer("a", "tucker2", (20, 9))
    ]
    weak = Decompose(round_to=1, weaken=(0.0, 0.5), methods=("tucker2",))
    assert offers("a", layer, weak) == [Offer("a", "tucker2", (20, 9)), Offer("a", "tucker2", (42, 36))]
    assert offers("a", layer, Decompose(round_to=64)) == []


def test_depthwise_and_pointwise_convolutions_are_not_offered() -> None:
    network = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3), nn.Linear(8, 4))
    assert list(offered(network)) == ["2", "3"]


class Flat(nn.Module):
    """A network with a linear layer of rank 3."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = nn.Conv2d(3, 8, 3, 8), nn.Linear(8 * 144, 64)
        self.last.weight.data = torch.randn(64, 3) @ torch.randn(3, 8 * 144)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x / 128 - 1).flatten(1))


def test_a_linear_layer_is_cut_to_its_rank_and_rebuilt() -> None:
    torch.manual_seed(0)
    network, settings = Flat().eval(), Decompose(round_to=1, photos=2, weaken=(0.0,))
    (offer,) = offers("last", network.last, settings)
    assert offer == Offer("last", "svd", (3,))
    before = network(torch.ones(1, 3, 96, 96))
    choices = replace(
        Built(network, BUILD), settings, {offer: Ratio(0.1, 0.1, 0.1)}, shop_with(torch.rand(2, 3, 96, 96))
    )
    assert [(choice.path, choice.taken) for choice in choices] == [("body", False), ("last", True)]
    torch.testing.assert_close(network(torch.ones(1, 3, 96, 96)), before, atol=1e-3, rtol=1e-3)
    again = Flat()
    blueprint.restore(again, blueprint.layers(network))
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(torch.ones(1, 3, 96, 96)), network(torch.ones(1, 3, 96, 96)))


def shop_with(images: Tensor) -> Workshop:
    """A workshop of which only photos are wanted."""

    class Photos:
        device = "cpu"

        def batches(self, build: Settings, size: int, count: int) -> list[tuple[Tensor, None]]:
            return [(images[:size], None)] * count

    return Photos()  # type: ignore[return-value]


def chosen(ratios: dict[str, tuple[float, float]], error: float) -> Choice:
    """What becomes of a convolution whose offers were timed so: {kind: (median, high)}."""
    torch.manual_seed(0)
    network = nn.Sequential(low_rank(nn.Conv2d(3, 32, 3), 8, 3), nn.ReLU())
    ranks = {"tucker2": (16, 3), "cp": (8,)}
    known = {Offer("0", kind, ranks[kind]): Ratio(low, low, high) for kind, (low, high) in ratios.items()}
    settings = Decompose(error=error, photos=2)
    (choice,) = replace(Built(network, BUILD), settings, known, shop_with(torch.rand(2, 3, 16, 16)))
    assert isinstance(network[0], nn.Sequential) == choice.taken
    return choice


def test_each_layer_says_why_it_was_taken_or_left() -> None:
    assert chosen({"tucker2": (0.55, 0.6)}, 0.15).why == "taken: tucker2 16/3, 0.55x the time, output error 0.00"
    assert chosen({"tucker2": (0.97, 0.99)}, 0.15).why == "left: 0.97x the time [0.97, 0.99]"
    assert chosen({"cp": (0.5, 0.6)}, 0.001).why.startswith("left: cp 8, 0.50x the time, but output error 0.")
    assert chosen({}, 0.5).why == "left: no rank below what it has"


def test_a_layer_and_a_network_are_faster_by_the_same_bound() -> None:
    assert verdict.FASTER is ratios.FASTER
    assert chosen({"tucker2": (0.5, ratios.FASTER)}, 1.0).taken is False
    assert chosen({"tucker2": (0.5, ratios.FASTER - 1e-9)}, 1.0).taken is True


def test_what_is_fastest_but_too_far_off_makes_room_for_the_next() -> None:
    choice = chosen({"cp": (0.3, 0.4), "tucker2": (0.6, 0.7)}, 0.01)
    assert (choice.offer, choice.taken) == ("tucker2 16/3", True)
    choice = chosen({"cp": (0.3, 0.4), "tucker2": (1.2, 1.3)}, 0.01)
    assert (choice.offer, choice.taken) == ("cp 8", False)


# the clock


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    data = read("particles:60x96", cache=tmp_path / "data", seed=0)
    model = find("tiny", MODELS)
    target = find_target("x86").model_copy(update={"timing": Timing(rounds=5, seconds=0.001, warmup=1)})
    build = model.build(classes=data.classes)
    return Workshop(model, build, data, target, Store(tmp_path), 0, "cpu", None, lambda _: None)


@pytest.fixture
def parent(shop: Workshop) -> Candidate:
    folder = shop.store.folder("parent")
    folder.mkdir(parents=True)
    shop.write(shop.fresh(), folder)
    return Candidate("parent", "tiny", "torch", folder, ())


@pytest.mark.parametrize("int8", [False, True])
def test_the_clock_is_asked_once_and_its_answers_enter_the_key(
    shop: Workshop, parent: Candidate, int8: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = ALL.model_copy(update={"int8": int8})
    assert step_of("decompose", stage, parent, shop, 0).reads["ratios"] == UNKNOWN
    answer(stage, parent, shop)
    found = stage.ratios(parent, shop).read()
    assert {offer.path for offer in found} == set(offered(shop.network(parent)))
    assert all(ratio.low <= ratio.median <= ratio.high for ratio in found.values())
    step = step_of("decompose", stage, parent, shop, 0)
    assert step.reads["ratios"] == stage.ratios(parent, shop).digest != UNKNOWN
    monkeypatch.setattr(timing, "measure", None)
    answer(stage, parent, shop)
    assert step_of("decompose", stage, parent, shop, 0) == step
    other = stage.model_copy(update={"int8": not int8})
    assert other.ratios(parent, shop).path != stage.ratios(parent, shop).path


def test_a_prediction_spares_the_clock_what_would_be_slower(
    shop: Workshop, parent: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "measure", None)
    (layer, *_) = layers(ALL, parent, shop)
    seen: list[tuple[int, ...]] = []

    def slow(module: nn.Module, shape: tuple[int, ...]) -> float:
        seen.append(shape)
        return 1.0 + isinstance(module, nn.Sequential)

    told = dict(asked(layer, shop, ALL, {}, slow))
    assert {f"{ratio}" for ratio in told.values()} == {"2.00x the time by prediction"}
    assert set(seen) == {layer.shape}


def run(stage: Decompose, parent: Candidate, shop: Workshop, folder: Path) -> Candidate:
    work = Work(folder / "files", folder / "state")
    work.files.mkdir(parents=True)
    work.state.mkdir()
    stage.run(parent, work, shop)
    return Candidate("child", "tiny", "torch", work.files, ())


def fixed(shop: Workshop, parent: Candidate, ratio: Callable[[Offer], float]) -> None:
    """Answers as if a clock had given them."""
    from mfast_edge.store import write_json

    told = [
        {"path": one.path, "kind": one.kind, "ranks": one.ranks, "ratio": dict.fromkeys(("median", "low", "high"), r)}
        for path, layer in offered(shop.network(parent)).items()
        for one in offers(path, layer, ALL)
        if (r := ratio(one))
    ]
    write_json(ALL.ratios(parent, shop).path, {"offers": told})


def test_the_stage_writes_what_the_ratios_say_and_trains_it(shop: Workshop, parent: Candidate, tmp_path: Path) -> None:
    fixed(shop, parent, lambda offer: 0.5 if offer.kind == "tucker2" else 1.5)
    one, two = (run(ALL, parent, shop, tmp_path / name) for name in ("one", "two"))
    for name in ("weights.safetensors", "blueprint.json", "decompose.json"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()
    kinds = {spec["type"] for spec in blueprint.read(one.folder)["layers"].values()}
    assert "Sequential" in kinds
    shop.network(one)


def test_where_nothing_pays_the_network_stays_as_it_is(shop: Workshop, parent: Candidate, tmp_path: Path) -> None:
    fixed(shop, parent, lambda _: 1.3)
    child = run(ALL, parent, shop, tmp_path / "run")
    assert child.file.read_bytes() == parent.file.read_bytes()


def test_a_plan_tells_the_stage_whether_it_ends_in_int8(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    for end, int8 in (("", False), ("  - quantize: {}\n", True)):
        mine.write_text(f"stages:\n  - train: {{}}\n  - decompose: {{}}\n  - export_onnx: {{}}\n{end}")
        for target in ("x86", "jetson"):
            stages = dict(plan(str(mine), find_target(target), {}).stages)
            assert stages["decompose"].model_dump(mode="json")["int8"] == (int8 and target == "x86")
