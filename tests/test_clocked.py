"""What stages ask of the clock is measured before them, once, by the pipeline, of any network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfast_edge import blueprint, clocked, gauge
from mfast_edge.candidate import Candidate
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from mfast_edge.judge import Judge
from mfast_edge.latency import Layer
from mfast_edge.models.ssd.build import Build
from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.tiny import MODEL
from mfast_edge.pipeline import expected, make, paces
from mfast_edge.plan import read as plan
from mfast_edge.ratios import UNKNOWN, Ratio
from mfast_edge.settings import check
from mfast_edge.stages.decompose import Decompose
from mfast_edge.stages.factors import blank
from mfast_edge.stages.prune import Prune
from mfast_edge.store import Store, read_json
from mfast_edge.target import Target, Timing, find
from mfast_edge.workshop import Workshop

PART = Decompose(share=0.125, error=1.0, photos=2, round_to=1, images=0, int8=False, precision="float32")


class Clock:
    """An invented machine: a layer takes its multiply-adds, the reference a millisecond."""

    def __init__(self) -> None:
        self.seen: list[Layer] = []

    def __call__(self, some: Sequence[Layer], place: gauge.Shelf) -> gauge.Measured:
        self.seen += some
        return gauge.Measured(tuple(one.macs / 1e6 for one in some), 1.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(gauge, "gauge", made)
    return made


class Flat(nn.Module):
    """A network with a linear layer of rank 3."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = nn.Conv2d(3, 8, 8, 8), nn.Linear(8 * 144, 256)
        self.last.weight.data = torch.randn(256, 3) @ torch.randn(3, 8 * 144) / 60

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.body(x / 128 - 1).flatten(1))
        return found


@dataclass(frozen=True, slots=True)
class Flattened(Detector):
    """The tiny detector, but for its network."""

    def network(self, build: Build) -> nn.Module:
        return Flat()


Furnish = Callable[..., tuple[Workshop, Candidate]]


@pytest.fixture
def furnish(tmp_path: Path) -> Furnish:
    """A workshop and a network in it."""

    def made(model: Any = MODEL, target: Target | None = None) -> tuple[Workshop, Candidate]:
        data = read("particles:60x96", cache=tmp_path / "data", seed=0)
        quick = (target or find("x86")).model_copy(update={"timing": Timing(rounds=5, seconds=0.001, warmup=1)})
        build = model.build(classes=data.classes)
        shop = Workshop(model, build, data, quick, Store(tmp_path), 0, "cpu", None, lambda _: None)
        folder = shop.store.folder("parent")
        folder.mkdir(parents=True)
        shop.write(shop.fresh(), folder)
        return shop, Candidate("parent", model.name, "torch", folder, ())

    return made


@pytest.mark.parametrize("int8", [False, True])
def test_a_network_with_a_linear_layer_is_decomposed(
    furnish: Furnish, clock: Clock, monkeypatch: pytest.MonkeyPatch, int8: bool
) -> None:
    """The layers are timed, but what a busy machine says of so small ones decides nothing here."""
    race = clocked.race
    monkeypatch.setattr(clocked, "race", lambda *given: dict.fromkeys(race(*given), Ratio(0.5, 0.5, 0.5)))
    shop, parent = furnish(Flattened("flat", MODEL.build, MODEL.body))
    child, seconds = make("decompose", PART.model_copy(update={"share": 0.0118, "int8": int8}), parent, shop, 0)
    assert seconds is not None
    assert {layer.kind for layer in clock.seen} > {"linear"}
    assert blueprint.read(child.folder)["layers"]["last"]["type"] == "Sequential"
    one, two = shop.network(parent), shop.network(child)
    with torch.no_grad():
        torch.testing.assert_close(one(torch.ones(1, 3, 96, 96)), two(torch.ones(1, 3, 96, 96)), atol=1e-3, rtol=1e-3)


# milliseconds as prune's goal

MS = Prune(target_ms=4.2, batches=2, batch=8, looks=1, round_to=16, images=8, int8=False, precision="float32")


@pytest.mark.parametrize("int8", [False, True])
def test_the_latency_table_is_filled_before_the_stage_that_reads_it(
    furnish: Furnish, clock: Clock, monkeypatch: pytest.MonkeyPatch, int8: bool
) -> None:
    """Inside the stage no clock runs, so the pace that is noted has none of its minutes."""
    shop, parent = furnish()
    stage = MS.model_copy(update={"int8": int8})
    before = []
    run = Prune.run

    def watched(*given: Any) -> None:
        before.append(len(clock.seen))
        run(*given)

    monkeypatch.setattr(Prune, "run", watched)
    child, seconds = make("prune", stage, parent, shop, 0)
    assert before == [len(clock.seen)]
    assert clock.seen
    assert {("int8" in file.name) for file in (shop.store.root / "machines").rglob("latency*.json")} == {int8}
    (pace,) = read_json(paces(shop)).values()
    assert pace == pytest.approx((seconds or 0) / 8)
    assert child.lineage[-1].reads["table onnxruntime"] != UNKNOWN
    count = len(clock.seen)
    assert make("prune", stage, parent, shop, 0) == (child, None)
    assert len(clock.seen) == count


def test_what_would_be_done_is_told_without_a_clock(furnish: Furnish, clock: Clock, tmp_path: Path) -> None:
    shop, _ = furnish()
    mine = tmp_path / "mine.yaml"
    mine.write_text("stages:\n  - train: {}\n  - prune: {target_ms: 2}\n")
    planned = plan(str(mine), shop.target, {})
    rows = expected(planned, shop, Judge(shop, 1.0, False, tmp_path / "verdicts"))
    assert [row.stage for row in rows] == ["train", "prune"]
    assert set(shop.digests(("table float32", "table int8")).values()) == {UNKNOWN}
    assert not clock.seen
    assert not list(tmp_path.rglob("latency*"))


@pytest.mark.parametrize(("end", "precision"), [("", "float32"), ("  - quantize: {}\n", "int8")])
def test_milliseconds_are_of_what_the_plan_ends_in(tmp_path: Path, end: str, precision: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"stages:\n  - train: {{}}\n  - prune: {{target_ms: 2}}\n  - export_onnx: {{}}\n{end}")
    prune: Any = dict(plan(str(mine), find("x86"), {}).stages)["prune"]
    assert prune.reads == ("data", "teacher", f"table {precision}")
    given: Any = dict(plan(str(mine), find("x86"), {"prune.int8": not prune.int8}).stages)["prune"]
    assert given.table != precision
    mine.write_text(mine.read_text().replace("target_ms: 2", "keep: 0.5"))
    share: Any = dict(plan(str(mine), find("x86"), {}).stages)["prune"]
    assert "int8" not in share.model_dump(mode="json")


def test_milliseconds_of_a_device_that_is_not_here_are_refused_before_any_work() -> None:
    with pytest.raises(
        UserError, match=r"target_ms: 2 given for jetson, .* prune\.keep_ms, .* prune\.keep, .* would be right"
    ):
        plan("quick", find("jetson"), {"prune.target_ms": 2, "prune.keep": None})
    floats = find("x86").model_copy(update={"int8": None})
    with pytest.raises(UserError, match=r"int8: true given for x86, which has no int8"):
        Prune(target_ms=2, int8=True).fitted(floats)
    with pytest.raises(UserError, match=r"decompose\.int8: true given for x86"):
        Decompose(int8=True).fitted(floats)
    with pytest.raises(UserError, match="int8 True given without keep_ms or target_ms"):
        check(Prune, {"keep": 0.5, "int8": True}, "plan: prune")


# layers timed


def test_what_gives_the_network_back_as_it_was_has_no_pace(furnish: Furnish, clock: Clock) -> None:
    """Nothing is trained where every chain would be too far off: its seconds are no pace of a recovery."""
    shop, parent = furnish()
    stage = PART.model_copy(update={"images": 16, "batch": 8, "error": 1e-9})
    child, seconds = make("decompose", stage, parent, shop, 0)
    assert child.file.read_bytes() == parent.file.read_bytes()
    assert seconds
    assert not paces(shop).exists()


def test_a_killed_clock_goes_on_where_it_stopped_and_equal_layers_are_timed_once(
    furnish: Furnish, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, parent = furnish()
    raced: list[tuple[int, ...]] = []
    race = clocked.race

    def dying(layer: clocked.Layer, *rest: Any) -> Any:
        if len(raced) == 2:
            raise KeyboardInterrupt
        raced.append(layer.shape)
        return race(layer, *rest)

    monkeypatch.setattr(clocked, "race", dying)
    with pytest.raises(KeyboardInterrupt):
        clocked.answer(PART, parent, shop)
    assert PART.ratios(parent, shop).digest == UNKNOWN
    begun = clocked.timings(shop, False).read()
    assert begun

    def resumed(layer: clocked.Layer, *rest: Any) -> Any:
        raced.append(layer.shape)
        return race(layer, *rest)

    monkeypatch.setattr(clocked, "race", resumed)
    clocked.answer(PART, parent, shop)
    assert len(raced) == len(set(raced))
    answers = PART.ratios(parent, shop)
    assert answers.digest != UNKNOWN
    assert set(begun.values()) < set(answers.read().values())

    count = len(raced)
    twin = replace(parent, key="another seed")
    clocked.answer(PART, twin, shop)
    assert len(raced) == count
    assert PART.ratios(twin, shop).read() == answers.read()
    clocked.answer(PART.model_copy(update={"int8": True}), twin, shop)
    assert len(raced) > count


def test_what_is_timed_for_a_device_that_is_not_here_says_so(furnish: Furnish) -> None:
    shop, parent = furnish(target=find("jetson"))
    assert not shop.target.here
    clocked.answer(PART, parent, shop, lambda *_: lambda module, _: 1.0 + isinstance(module, nn.Sequential))
    told = {f"{ratio}" for ratio in PART.ratios(parent, shop).read().values()}
    assert told == {"2.00x the time by proxy by prediction"}
    (layer, *_) = clocked.layers(PART, parent, shop)
    (ratio, *_) = clocked.race(layer, list(layer.offers), shop, False).values()
    assert "x the time by proxy [" in f"{ratio}"
    child, _ = make("decompose", PART, parent, shop, 0)
    assert all("by proxy" in row["why"] for row in json.loads((child.folder / "decompose.json").read_text()))


class Linear:
    """A latency table: a millisecond per million multiply-adds and a tenth per layer."""

    def predict(self, some: list[Layer]) -> float:
        assert all(layer.kind != "image" and not layer.last for layer in some)
        return sum(layer.macs / 1e6 + 0.1 for layer in some)


def test_the_latency_table_predicts_layers_and_their_chains(furnish: Furnish, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, _ = furnish()
    said = []

    def table(_: Workshop, runtime: str, precision: str, asked: list[Layer]) -> Linear:
        said.append((runtime, precision, len(asked)))
        return Linear()

    monkeypatch.setattr(Workshop, "table", table)
    predict = clocked.by_table(shop, True)
    layer = nn.Conv2d(64, 64, 3, padding=1)
    assert predict(layer, (1, 64, 10, 10)) == pytest.approx(9 * 64 * 64 * 100 / 1e6 + 0.1)
    chain = blank(layer, "tucker2", (16, 16))
    macs = (64 * 16 + 9 * 16 * 16 + 16 * 64) * 100
    assert predict(chain, (1, 64, 10, 10)) == pytest.approx(macs / 1e6 + 0.3)
    assert said == [(runtime, "int8", count) for count in (1, 3) for runtime in ("onnxruntime", "openvino")]
