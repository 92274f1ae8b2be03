"""A stage whose source changes must change its version, or the store would serve what the old code made."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import pytest

from mfast_edge.stages import STAGES

HERE = Path(__file__).parent
BESIDE = {"prune": ["mfast_edge/stages/channels.py"], "train": [], "export_onnx": [], "quantize": []}


def fingerprint(stage: str) -> str:
    """SHA-256 of the stage's own sources."""
    root = HERE.parents[1]
    files = [root / (STAGES[stage].replace(".", "/") + ".py"), *(root / name for name in BESIDE[stage])]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@pytest.mark.parametrize("stage", STAGES)
def test_a_changed_stage_has_a_new_version(stage: str) -> None:
    """After a change that alters what the stage makes, raise its version; then: make versions."""
    known = json.loads((HERE / "versions.json").read_text())
    version = import_module(STAGES[stage]).STAGE.version
    assert known[stage] == {"version": version, "sources": fingerprint(stage)}
