"""thresholds: a grid on val, the best as a candidate of its own, compared on test, in a bundle that checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest

from mfast_edge.errors import UserError
from mfast_edge.opened import opened
from mfast_edge.thresholds import Asked, work
from tests.doors.doors import door, folder, refused


@pytest.fixture(scope="module")
def tuned(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the door says of the finished run, and where it wrote."""
    place = tmp_path_factory.mktemp("tuned")
    words = ("--score", "0.01,0.02", "--iou", "0.4,0.6", "--by", "f1", "--json", "--out", place)
    done = door("thresholds", folder(finished), *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), place


def test_the_best_of_the_grid_is_chosen_and_finds_what_the_grid_said(tuned: tuple[dict[str, Any], Path]) -> None:
    told, place = tuned
    assert len(told["grid"]) == 2 * 3  # the run's own IoU, .5, is on the axis
    assert told["chosen"]["f1"] == max(cell["f1"] for cell in told["grid"])
    assert told["val"]["map50"] == told["chosen"]["map50"]
    assert told["own"] == told["grid"][0]
    assert (told["own"]["score"], told["own"]["iou"]) == (0.01, 0.5)
    assert json.loads((place / "thresholds.json").read_text()) == told
    assert told["gained"]["low"] <= told["gained"]["points"] <= told["gained"]["high"]


def test_the_candidate_decodes_by_them_and_its_graph_says_so(
    tuned: tuple[dict[str, Any], Path], finished: Path
) -> None:
    made = opened(Path(tuned[0]["folder"]))
    chosen = tuned[0]["chosen"]
    assert (made.stored["iou_threshold"], made.stored["score_threshold"]) == (chosen["iou"], chosen["score"])
    assert made.candidate.lineage[-1].stage == "thresholds"
    told = {one.key: one.value for one in onnx.load(made.candidate.file).metadata_props}
    assert (float(told["iou_threshold"]), float(told["score_threshold"])) == (chosen["iou"], chosen["score"])
    assert opened(folder(finished)).stored["iou_threshold"] == 0.5


def test_the_bundle_has_them_and_its_own_check_passes(tuned: tuple[dict[str, Any], Path]) -> None:
    told, place = tuned
    manifest = json.loads((place / "bundle" / "manifest.json").read_text())
    graphs = [manifest, *manifest["graphs"].values()]
    assert {graph["decode"]["iou_threshold"] for graph in graphs} == {told["chosen"]["iou"]}
    done = subprocess.run([sys.executable, "run.py", "check"], cwd=place / "bundle", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_threshold_that_is_none_is_refused(finished: Path) -> None:
    assert "--iou.iou: '1.5' given" in refused("thresholds", folder(finished), "--iou", "0.4,1.5")


def test_an_overlap_for_what_suppresses_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = {"score_threshold": 0.1, "iou_threshold": None, "detections": 100}
    source = SimpleNamespace(model=SimpleNamespace(task="detect"), stored=stored)
    monkeypatch.setattr("mfast_edge.opened.opened", lambda _: source)
    with pytest.raises(UserError, match="none is suppressed"):
        work(Asked(Path(), "0.1", "0.4", None, "map50", 0.0, None, None, False))
