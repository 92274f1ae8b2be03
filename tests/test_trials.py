"""One trial of a search: what it tells, what is left of it, what it is rejected for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mfast_edge import foreseen
from mfast_edge.data.loader import batches
from mfast_edge.searched import prepared
from mfast_edge.terminal import Terminal
from mfast_edge.workshop import Workshop
from search.study import Pruned, Rejected
from tests.hunts import PLAN, Report, files, hunt


def test_a_pruned_trial_leaves_nothing_of_its_training(tmp_path: Path) -> None:
    files(tmp_path, limits={})
    trials = prepared(hunt(tmp_path), Terminal(True)).trials
    report = Report(gives_up=True)
    with pytest.raises(Pruned):
        trials.attempt({"train.lr": 0.003, "model.width": 0.25}, report)
    assert list(report.values) == [1]
    assert list((tmp_path / "runs" / "work").iterdir()) == []
    assert not (tmp_path / "runs" / "store").exists()
    seen = Report()
    values = trials.attempt({"train.lr": 0.003, "model.width": 0.25}, seen)
    assert list(seen.values) == [1, 2, 3]  # 16 photos an epoch
    assert seen.notes["figures"]["ms"] == values[1]
    assert seen.values[3] == pytest.approx(values[0], abs=1e-6)  # the whole of so small a val is looked at
    again = Report()
    assert trials.attempt({"train.lr": 0.003, "model.width": 0.25}, again) == values
    assert again.values == {}  # nothing was trained


def test_the_last_epoch_is_the_training_s_own(tmp_path: Path) -> None:
    """16 photos are two batches of 8: 50 images are 7 of them, so the fourth epoch is begun."""
    files(tmp_path, limits={}, proxy={"train.images": 50})
    trials = prepared(hunt(tmp_path), Terminal(True)).trials
    report = Report()
    trials.attempt({"train.lr": 0.003, "model.width": 0.25}, report)
    assert list(report.values)[-1] == trials.steps == 4


@pytest.mark.parametrize(("photos", "batch", "count"), [(100, 16, 7), (4096, 32, 128), (10_000, 32, 105), (17, 8, 2)])
def test_sets_above_4096_photos_are_several_epochs(photos: int, batch: int, count: int) -> None:
    assert batches(photos, batch) == count


def test_settings_that_no_plan_takes_are_rejected_with_the_reason(tmp_path: Path) -> None:
    files(tmp_path)
    trials = prepared(hunt(tmp_path), Terminal(True)).trials
    with pytest.raises(Rejected, match=r"model\.width"):
        trials.attempt({"train.lr": 0.003, "model.width": -1.0}, Report())


def test_ms_can_be_predicted_from_the_latency_table_and_a_score_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of a nanosecond for a hundred multiply-adds stands in for a measured one."""
    table = SimpleNamespace(predict=lambda layers: sum(layer.macs for layer in layers) / 1e8)
    monkeypatch.setattr(Workshop, "table", lambda *_: table)
    monkeypatch.setattr(foreseen, "race", lambda *_: pytest.fail("raced"))
    files(tmp_path, clock="predicted", objectives={"score": "minimize"}, score={"f1": 0.5, "ms": 1.0}, winner=None)
    trials = prepared(hunt(tmp_path), Terminal(True)).trials
    report = Report()
    (score,) = trials.attempt({"train.lr": 0.003, "model.width": 0.25}, report)
    figures = report.notes["figures"]
    assert score == pytest.approx(0.5 * figures["ms"] + 1 / (1 + 2.718281828459 ** (-20 * (0.5 - figures["f1"]))))
    assert figures["ratio"] < 0.5  # the reference is twice as wide


@pytest.mark.slow
def test_a_trial_that_shapes_its_network_is_weighed_afterwards(tmp_path: Path) -> None:
    """By the graph that its last stage made: here int8, whose quality is measured too."""
    keep = {"prune.keep": {"type": "float", "low": 0.2, "high": 0.9}}
    files(tmp_path, settings=keep, until="quantize", limits={"parameters": "0.7x"})
    prune, int8 = "prune: {images: 0, batches: 2, looks: 1, round_to: 4}", "quantize: {images: 8}"
    more = f"  - {prune}\n  - export_onnx: {{}}\n  - {int8}\n"
    (tmp_path / "small.yaml").write_text(PLAN.replace("  - export_onnx: {}\n", more))
    trials = prepared(hunt(tmp_path), Terminal(True)).trials
    small, large = Report(), Report()
    trials.attempt({"prune.keep": 0.3}, small)
    with pytest.raises(Rejected, match="parameters"):
        trials.attempt({"prune.keep": 0.9}, large)
    figures = small.notes["figures"]
    assert figures["parameters"] <= 0.7 * trials.scale.facts.parameters
    file = tmp_path / "runs" / "store" / small.notes["key"] / "model.onnx"
    assert figures["mb"] == file.stat().st_size / 1e6
    assert large.notes["key"] != small.notes["key"]
    assert "figures" not in large.notes
