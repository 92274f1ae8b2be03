"""What an ablation varies: factors from YAML and from the command line, the last stage, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfast_edge import plan as plans
from mfast_edge.ablation import DOOR, Ablation, ended, read, rows, typed
from mfast_edge.errors import UserError
from mfast_edge.settings import names
from mfast_edge.target import find

YAML = """
plan: tiny
set: {train.images: 100, seed: 3}
factors:
  train.lr: [0.001, 0.01]
  backbone:
    thin: {model.width: 0.25}
    second: {model: ssd_mbv2, init: null}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(YAML)
    return str(path)


def test_a_list_varies_its_own_setting_and_a_mapping_several(file: str) -> None:
    found = rows(read(file, {}, ()))
    assert [row.name for row in found] == [
        "the base",
        "train.lr=0.001",
        "train.lr=0.01",
        "backbone=thin",
        "backbone=second",
    ]
    assert found[1].changes == {"train.lr": 0.001}
    assert found[4].changes == {"model": "ssd_mbv2", "init": None}


def test_the_command_line_wins_over_the_file(file: str) -> None:
    given: dict[str, Any] = {"plan": "quick", "data": None, "set": {"train.images": 7}}
    found = read(file, given, ["train.lr=0.1", "train.flips=both"])
    assert (found.plan, found.set) == ("quick", {"train.images": 7, "seed": 3})
    assert found.factors["train.lr"] == [0.1]
    assert list(found.factors) == ["train.lr", "backbone", "train.flips"]


def test_a_value_may_be_a_list() -> None:
    assert typed("split.by=[class, count],[class]") == ("split.by", [["class", "count"], ["class"]])


@pytest.mark.parametrize("text", ["train.lr", "train.lr=", "=1", "train.lr=[1"])
def test_a_factor_without_values_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--factor"):
        typed(text)


def test_what_only_a_judge_reads_is_no_factor(file: str) -> None:
    with pytest.raises(UserError, match="--factor budget: decides what a judge keeps"):
        read(file, {}, ["budget=1,3"])


def test_nothing_to_vary_is_refused() -> None:
    with pytest.raises(UserError, match="nothing varies"):
        read(None, {}, ())


@pytest.mark.parametrize(
    ("factors", "until", "last"),
    [
        ({"train.lr": [0.1]}, None, "train"),
        ({"model.size": [128]}, None, "train"),
        ({"prune.keep": [0.5], "train.lr": [0.1]}, None, "prune"),
        ({"quantize.images": [4]}, None, "quantize"),
        ({"train.lr": [0.1]}, "export_onnx", "export_onnx"),
    ],
)
def test_the_plan_ends_with_the_last_stage_that_a_factor_is_about(factors: Any, until: str | None, last: str) -> None:
    plan = plans.read("tiny", find("x86"), {})
    cut = ended(plan, Ablation(factors=factors, until=until))
    assert cut.stages == plan.stages[: len(cut.stages)]
    assert cut.stages[-1][0] == last


@pytest.mark.parametrize("name", names("ablations"))
def test_an_ablation_that_travels_varies_settings_of_its_plan(name: str) -> None:
    found = read(name, {}, ())
    for row in rows(found)[1:]:
        assert row.changes
        given = {key: value for key, value in row.changes.items() if key not in DOOR and "thresholds." not in key}
        plans.read(found.plan, find(found.target), given)
