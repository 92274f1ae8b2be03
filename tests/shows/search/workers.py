"""Trials that an hour has with one worker and with two, in alternating rounds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

SPACE = Path(__file__).with_name("workers.yaml")
TRIALS = 6


def counted(data: str, out: Path, rounds: int) -> dict[str, Any]:
    """Trials an hour of two workers of one thread each / of one, in each round, and the median."""
    each = [{workers: hourly(data, out, number, workers) for workers in (1, 2)} for number in range(rounds)]
    ratios = [one[2] / one[1] for one in each]
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "one": [r[1] for r in each],
        "two": [r[2] for r in each],
    }


def hourly(data: str, out: Path, number: int, workers: int) -> float:
    """Trials an hour, from the first one's beginning to the last one's end."""
    name = f"workers{workers}-{number}"
    words = ["--space", str(SPACE), "--model", "reference", "--plan", str(SPACE.with_name("plan.yaml")), "--data", data]
    words += ["--set", "model.size=96", "--set", f"seed={10 * number + workers}", "--search", str(TRIALS), "--no-final"]
    words += ["--workers", str(workers), "--out", str(out), "--name", name]
    command = [sys.executable, "-m", "mfast_edge.tune", *words]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    trials = json.loads((out / name / "search.json").read_text())["trials"]
    begun = min(datetime.fromisoformat(trial["begun"]) for trial in trials)
    ended = max(datetime.fromisoformat(trial["ended"]) for trial in trials)
    return 3600 * TRIALS / (ended - begun).total_seconds()
