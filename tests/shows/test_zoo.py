"""The zoo's table is made of finished runs, and says of each what the run and the clock found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mfast_edge.errors import UserError
from tests.shows import zoo

PLAN = Path(zoo.__file__).with_suffix(".yaml")
QUICK = ["--set", "train.images=800", "--set", "train.batch=8", "--set", "train.lr=0.003", "--data", "particles:60x96"]


@pytest.mark.slow
def test_every_cell_of_a_row_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(zoo, "TABLE", tmp_path / "zoo.json")
    plan = tmp_path / "zoo.yaml"
    plan.write_text(PLAN.read_text() + "timing: {rounds: 5, seconds: 0.01, warmup: 1}\n")
    door = [sys.executable, "-m", "mfast_edge.compress", "--model", "tiny", "--target", "x86", "--plan", str(plan)]
    done = subprocess.run([*door, *QUICK, "--out", str(tmp_path / "runs"), "--name", "one"], capture_output=True)
    assert done.returncode in (0, 1), done.stderr
    assert zoo.main([str(tmp_path / "runs" / "one"), "--rounds", "5", "--seconds", "0.001"]) == 0
    (row,) = json.loads((tmp_path / "zoo.json").read_text())["rows"]
    assert all(row[name] is not None for name in zoo.COLUMNS)
    assert row["images"] == 800
    assert row["images_s"] * row["minutes"] == pytest.approx(800 / 60)
    assert row["parity"] == 100
    assert 0 < row["int8_mb"] < row["mb"]
    assert row["int8_ms_1t"] < row["e2e_ms_1t"]
    assert "tiny" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_of_another_plan_is_refused(finished: Path) -> None:
    with pytest.raises(UserError, match=r"prune.*; one of train, export_onnx, quantize would be right"):
        zoo.shown(next(path.parent for path in finished.glob("tiny-*/final.json")))  # others lie there too
