"""A small search, ready to be run: its plan and its space as files, the door's arguments, what a trial tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from mfast_edge.searched import Hunt
from search.study import Pruned
from tests.conftest import asked

PLAN = """
data: particles:24x96
budget: 100.0
stages:
  - train: {images: 96, batch: 8, lr: 3.0e-3}
  - export_onnx: {}
timing: {rounds: 7, seconds: 0.005, warmup: 1}
"""
SPACE: dict[str, Any] = {
    "limits": {"parameters": "1.0x"},
    "proxy": {"train.images": 48},
    "winner": {"quality": 0.0},
    "sampler": "random",
    "settings": {
        "train.lr": {"type": "float", "low": 1e-3, "high": 1e-2, "log": True},
        "model.width": {"type": "categorical", "choices": [0.25, 0.5, 1.0]},
    },
}


def files(folder: Path, **sections: Any) -> tuple[str, str]:
    """A plan's and a space's path."""
    plan, space = folder / "small.yaml", folder / "space.yaml"
    plan.write_text(PLAN)
    space.write_text(yaml.safe_dump({**SPACE, **sections}))
    return str(plan), str(space)


def hunt(folder: Path, final: bool = False, study: str | None = None, **given: Any) -> Hunt:
    """A search of four trials in a folder that holds the two files."""
    given = {"plan": str(folder / "small.yaml"), "search": 4, "name": "hunt", **given}
    return Hunt(asked(folder / "runs", **given), str(folder / "space.yaml"), 1, study, final, None, ())


def told(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "runs" / "hunt" / "search.json").read_text())
    return found


class Report:
    """What a trial tells; gives up at the first look where it is to."""

    def __init__(self, gives_up: bool = False):
        self.gives_up, self.notes, self.values = gives_up, dict[str, Any](), dict[int, float]()

    def __call__(self, step: int, value: float) -> None:
        self.values[step] = value
        if self.gives_up:
            raise Pruned("falls behind")

    def note(self, name: str, value: Any) -> None:
        self.notes[name] = value
