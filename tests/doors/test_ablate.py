"""ablate: rows that differ in one thing, through the store, measured beside the base and never twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.candidate import Candidate
from mfast_edge.store import Store
from tests.doors.doors import door, refused

FEW = ("--model", "tiny", "--plan", "tiny", "--device", "cpu")
VARIED = ("--factor", "train.images=40", "--factor", "train.lr=1.0e+30", "--factor", "thresholds.iou=0.3")


@pytest.fixture(scope="module")
def done(finished: Path) -> tuple[dict[str, Any], Path]:
    """An ablation over the finished run's store, whose network is the base."""
    found = door("ablate", *FEW, *VARIED, "--out", finished, "--name", "three", "--json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout), finished


def made(done: tuple[dict[str, Any], Path], place: int) -> Candidate:
    found = Store(done[1]).find(done[0]["rows"][place]["keys"][0])
    assert found
    return found


def test_the_base_is_the_run_s_own_network(done: tuple[dict[str, Any], Path]) -> None:
    final = json.loads(next(done[1].glob("tiny-*/final.json")).read_text())
    assert made(done, 0).key == final["float"]["key"]
    told = done[0]["rows"][0]
    assert told["gained"] == {"points": 0.0, "low": 0.0, "high": 0.0}
    assert 0.5 < told["ratio"]["median"] < 2  # raced with itself


def test_a_row_differs_from_the_base_in_its_factor_alone(done: tuple[dict[str, Any], Path]) -> None:
    base, other = (dict(made(done, place).lineage[0].settings) for place in (0, 1))
    assert {name for name in base if base[name] != other[name]} == {"images"}
    assert other["images"] == 40
    thresholds = made(done, 3).lineage[-1]
    assert (thresholds.stage, thresholds.settings) == ("thresholds", {"iou": 0.3})
    assert made(done, 3).lineage[:-1] == made(done, 0).lineage


def test_what_cannot_be_trained_is_a_remark_and_the_rest_goes_on(done: tuple[dict[str, Any], Path]) -> None:
    told = done[0]["rows"]
    assert "lower learning rate" in told[2]["remark"]
    assert [row["factor"] for row in told] == ["", "train.images", "train.lr", "thresholds.iou"]
    page = (done[1] / "ablations" / "three" / "ablation.md").read_text()
    assert "| train.images | 40 |" in page
    assert told[2]["remark"] in page


def test_the_same_again_measures_and_trains_nothing(done: tuple[dict[str, Any], Path]) -> None:
    words = (*FEW, *VARIED, "--out", done[1], "--name", "three")
    dry = door("ablate", *words, "--dry-run").stdout
    assert [line for line in dry.splitlines() if "about" in line and "rows" not in line] == [
        line for line in dry.splitlines() if line.startswith("train.lr")
    ]
    again = door("ablate", *words, "--json")
    assert json.loads(again.stdout) == done[0]


def test_mistakes_are_found_before_anything_is_trained(finished: Path, tmp_path: Path) -> None:
    words = (*FEW, "--out", tmp_path)
    assert "--factor train.rate=1: plan tiny: train: no setting" in refused(
        "ablate", *words, "--factor", "train.rate=1"
    )
    other = ("--factor", "data=particles:61x96")
    assert "nothing could be compared" in refused("ablate", *words, *other)
    assert not (tmp_path / "store").exists()
