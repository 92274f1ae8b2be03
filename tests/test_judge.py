"""The judge's rule, in numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.timing import Ratio
from mfast_edge import blueprint, judge
from mfast_edge.candidate import Candidate
from mfast_edge.judge import Judge
from mfast_edge.verdict import Verdict, settle, weighed

LOSS = {"points": 0.4, "low": -0.2, "high": 1.0}


@pytest.mark.parametrize(
    ("ratio", "bytes_ratio", "loss", "keep"),
    [
        (Ratio(0.90, 0.88, 0.97), 1.0, LOSS, True),  # clearly faster
        (Ratio(0.97, 0.95, 0.99), 1.0, LOSS, False),  # perhaps faster
        (Ratio(1.00, 0.98, 1.02), 0.85, LOSS, True),  # as fast and lighter
        (Ratio(1.00, 0.98, 1.02), 0.95, LOSS, False),  # as fast, hardly lighter
        (Ratio(1.05, 1.03, 1.07), 0.25, LOSS, False),  # lighter but slower
        (Ratio(0.50, 0.49, 0.51), 0.25, {**LOSS, "points": 1.1}, False),  # over the budget
        (Ratio(0.50, 0.49, 0.51), 0.25, {**LOSS, "points": -2.0}, True),
    ],
)
def test_a_child_is_kept_if_it_pays_and_loses_little(
    ratio: Ratio, bytes_ratio: float, loss: dict[str, float], keep: bool
) -> None:
    assert weighed(ratio, bytes_ratio, loss, 1.0)[0] is keep


def test_another_budget_decides_anew_over_what_was_measured() -> None:
    measured = Verdict(
        "prune", "p", "c", "m", False, "", "onnxruntime", False, {}, {"points": 1.5, "low": 0.5, "high": 2.5},
        {"median": 0.7, "low": 0.6, "high": 0.8}, 0.5, True,
    )  # fmt: skip
    tight, wide = settle(measured, 1.0), settle(measured, 2.0)
    assert not tight.keep
    assert "over the budget" in tight.sentence
    assert wide.keep
    assert wide.sentence.startswith("kept: 0.70x the time [0.60, 0.80] in onnxruntime, judged as int8, 1.50 points")


@pytest.mark.parametrize(("points", "keep"), [(-0.6, True), (0.0, False), (0.3, False)])
def test_the_same_network_trained_further_is_kept_where_it_finds_more(
    points: float, keep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against its parent, not against the float network, on the graphs that stand for both; no race is run."""
    found = {"base": 90.0, "parent": 88.0, "child": 88.0 - points}
    candidates = {}
    for name in found:
        folder = tmp_path / name
        folder.mkdir()
        blueprint.write(folder, {"build": {}, "layers": {}, "decode": {}})
        (folder / "weights.safetensors").write_text(name)
        candidates[name] = Candidate(name, "tiny", "torch", folder, ())
    quality = SimpleNamespace(to_json=dict)
    monkeypatch.setattr(judge, "as_torch", lambda _, one, __: SimpleNamespace(found=found[one.key]))
    monkeypatch.setattr(Judge, "look", lambda _, one, *__: SimpleNamespace(found=found[one.key], quality=quality))
    monkeypatch.setattr(Judge, "graph", lambda _, one: one.folder)
    monkeypatch.setattr(judge, "alone", lambda *_: ("openvino", 2.0))
    monkeypatch.setattr(judge, "lost", lambda _, __, a, b: {"points": a - b, "low": a - b - 1, "high": a - b + 1})
    shop: Any = SimpleNamespace(machine="m", target=SimpleNamespace(here=True))
    verdict = Judge(shop, 1.0, None, tmp_path).decide("distill", *candidates.values())
    settled = settle(verdict, 1.0)
    assert settled.keep is keep
    assert settled.loss is not None
    assert settled.loss["points"] == pytest.approx(2.0 + points)
    assert settled.sentence.startswith(f"{'kept' if keep else 'rolled back'}: the same network, {points:.2f} points")
    candidates["child"].file.write_text("parent")
    found["child"] = found["parent"]
    same = Judge(shop, 1.0, False, tmp_path).decide("decompose", *candidates.values())
    assert not same.keep
    assert same.sentence == "rolled back: nothing in the network was replaced or trained"
    blueprint.write(candidates["child"].folder, {"build": {}, "layers": {"thin": {}}, "decode": {}})
    monkeypatch.setattr(Judge, "weigh", lambda *_: "weighed")
    other: Any = Judge(shop, 1.0, None, tmp_path).decide("prune", *candidates.values())
    assert other == "weighed"


def test_in_a_joint_plan_a_network_trained_further_goes_on_too() -> None:
    """Whatever it lost; the first network, which lost nothing to anything, stays as it is."""
    measured = Verdict(
        "distill", "p", "c", "m", False, "rolled back: the same network, 0.30 points lost by training it further",
        "openvino", False, {}, {"points": 0.3, "low": 0.1, "high": 0.5},
    )  # fmt: skip
    settled = settle(measured, 1.0, onward=True)
    assert settled.keep
    assert settled.sentence == (
        "goes on: the same network, 0.30 points lost by training it further; the plan is judged as a whole"
    )
    assert settle(measured, 1.0) == measured
    first = Verdict("train", "", "c", "m", True, "kept: what all others are compared with", "openvino", False, {})
    assert settle(first, 1.0, onward=True) == first


def test_int8_for_a_board_that_is_not_here_is_judged_by_what_it_finds_alone() -> None:
    """No runtime of this machine can tell how fast the board's int8 is: the float graph stands for it."""
    measured = Verdict(
        "quantize", "p", "c", "m", False, "", "onnxruntime", True, {}, {"points": 0.4, "low": -0.2, "high": 1.0},
        None, 0.3,
    )  # fmt: skip
    wide, tight = settle(measured, 1.0), settle(measured, 0.1)
    assert wide.keep
    assert wide.sentence == (
        "kept: 70% lighter, 0.40 points lost [-0.20, 1.00] of 1; how fast it is the board must say"
    )
    assert not tight.keep
    assert tight.over_budget
    assert "over the budget; how fast" in tight.sentence


@pytest.mark.parametrize("here", [True, False])
def test_a_board_s_int8_graph_is_raced_only_on_the_board(
    here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raced: list[list[str]] = []
    found = SimpleNamespace(found=1.0, quality=SimpleNamespace(to_json=dict))
    folders = {name: tmp_path / name for name in ("base", "parent", "child")}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "model.onnx").write_text(name)
    base, parent, child = (Candidate(name, "tiny", "onnx", folder, ()) for name, folder in folders.items())
    monkeypatch.setattr(judge, "as_torch", lambda *_: found)
    monkeypatch.setattr(Judge, "look", lambda *_: found)
    monkeypatch.setattr(judge, "lost", lambda *_: {"points": 0.1, "low": 0.0, "high": 0.2})
    monkeypatch.setattr(judge, "parity", lambda *_: {"share": 1.0, "detections": 9.0})
    said = ("onnxruntime", Ratio(0.5, 0.4, 0.6), 1.0)
    monkeypatch.setattr(judge, "race", lambda _, graphs: raced.append(sorted(graphs)) or said)
    shop: Any = SimpleNamespace(machine="m", target=SimpleNamespace(here=here, measured=("onnxruntime",)))
    verdict = Judge(shop, 1.0, None, tmp_path).decide("quantize", base, parent, child)
    assert (raced, verdict.ms) == ([["child", "parent"]], 1.0) if here else ([], None)
    assert verdict.bytes_ratio == pytest.approx(5 / 6)
    assert settle(verdict, 1.0).keep
