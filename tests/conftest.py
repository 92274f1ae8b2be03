"""What tests share: where real photos and weights lie, and one finished tiny run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# Tests share the cores with each other: torch's threads would spin against one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from mfast_edge.run import Asked


def room(variable: str) -> Path:
    """The folder that an environment variable names; the test is skipped where it names none."""
    place = os.environ.get(variable, "")
    if not place or not Path(place).is_dir():
        pytest.skip(f"{variable} names no folder: the real files are not here")
    return Path(place)


@pytest.fixture(scope="session")
def photos() -> Path:
    """Real photos."""
    return room("MFAST_DATA")


@pytest.fixture(scope="session")
def weights() -> Path:
    """Published weights."""
    return room("MFAST_WEIGHTS")


def asked(out: Path, **given: object) -> Asked:
    """The front door's arguments for a tiny run."""
    plain: dict[str, object] = {
        "model": "tiny",
        "target": "x86",
        "data": None,
        "classes": None,
        "plan": "tiny",
        "init": None,
        "budget": None,
        "set": (),
        "search": 0,
        "hours": None,
        "until": None,
        "out": out,
        "name": None,
        "device": "cpu",
        "json": False,
        "dry_run": False,
        "command": "test",
    }
    return Asked(**{**plain, **given})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs folder of one finished tiny run for x86, made by the command, whose output is one JSON object."""
    out = tmp_path_factory.mktemp("finished") / "runs"
    words = ["--model", "tiny", "--plan", "tiny", "--target", "x86", "--device", "cpu", "--json", "--out"]
    door = [sys.executable, "-m", "mfast_edge.compress", *words, str(out)]
    done = subprocess.run(door, stdout=subprocess.PIPE, text=True)
    assert done.returncode in (0, 1)
    assert json.loads(done.stdout)["model"] == "tiny"
    return out
