"""A joint search: judged as a whole, the best so far on disk, nothing trained that cannot be faster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfast_edge import pipeline
from mfast_edge.run import run
from tests.conftest import asked
from tests.doors.doors import door

PLAN = """
data: particles:60x96
budget: {budget}
joint: true
stages:
  - train: {{images: 800, batch: 8, lr: 3.0e-3}}
  - refit: {{images: 0}}
  - prune: {{keep: 0.6, images: 80, batch: 8, lr: 1.5e-3, batches: 2, looks: 1, round_to: 4}}
  - export_onnx: {{}}
  - quantize: {{images: 8}}
timing: {{rounds: 5, seconds: 0.005, warmup: 1}}
"""


def plan(folder: Path, budget: float) -> str:
    path = folder / "joint.yaml"
    path.write_text(PLAN.format(budget=budget))
    return str(path)


@pytest.mark.slow
def test_a_joint_search_keeps_the_fastest_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(asked(tmp_path, plan=plan(tmp_path, 100.0), search=2, name="full")) in (0, 1)
    first = capsys.readouterr().out
    best = json.loads(next((tmp_path / "full").glob("best-*.json")).read_text())
    final = json.loads((tmp_path / "full" / "final.json").read_text())
    assert Path(best["file"]) == Path(final["file"])
    assert all("goes on" in row["verdict"] for row in final["rows"] if row["stage"] in ("refit", "prune"))
    assert "of the float time" in first
    assert run(asked(tmp_path, plan=plan(tmp_path, 100.0), search=2, name="full")) in (0, 1)
    assert "points lost on val" not in capsys.readouterr().out.split("best:")[0]  # nothing was tried again
    run(asked(tmp_path, plan=plan(tmp_path, 100.0), search=4, name="full"))
    more = capsys.readouterr().out.split("best:")[0]
    assert more.count("float time") == 2
    assert json.loads(next((tmp_path / "full").glob("best-*.json")).read_text())["ratio"] <= best["ratio"]


@pytest.mark.slow
def test_without_time_or_within_the_budget_the_plain_network_is_delivered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a search that has no time, and by a joint plan without a search that loses too much."""
    assert run(asked(tmp_path, plan=plan(tmp_path, 100.0), hours=0.0, name="full")) in (0, 1)
    final = json.loads((tmp_path / "full" / "final.json").read_text())
    assert [row["stage"] for row in final["rows"]] == ["train", "export_onnx", "quantize"]
    assert (tmp_path / "full" / "bundle" / "manifest.json").is_file()
    assert "--hours 0 leaves no time for a trial: train, export_onnx, quantize without refit, prune" in (
        capsys.readouterr().out
    )
    monkeypatch.setattr(pipeline, "loss_over", lambda *_: True)
    assert run(asked(tmp_path, plan=plan(tmp_path, 100.0), name="full")) in (0, 1)
    whole = json.loads((tmp_path / "full" / "final.json").read_text())
    assert [row["stage"] for row in whole["rows"]] == ["train", "refit", "prune", "export_onnx", "quantize"]
    assert {"refit", "prune"} <= set(whole["rolled_back"])
    assert whole["file"] == final["file"]


@pytest.mark.parametrize("count", ["-3", "0"])
def test_a_search_takes_at_least_one_trial(count: str) -> None:
    done = door("compress", "--model", "tiny", "--plan", "tiny", "--search", count, "--dry-run")
    assert done.returncode == 2
    assert "--search" in done.stderr
