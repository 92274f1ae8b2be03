"""A stage whose source changes must change its version, or the store would serve what the old code made."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import pytest

from mfast_edge.stages import STAGES

HERE = Path(__file__).parent
LEARNING = [
    "mfast_edge/recipe.py",
    "mfast_edge/training/*.py",
    "mfast_edge/data/augment.py",
    "mfast_edge/data/loader.py",
    "mfast_edge/data/policies.py",
    "mfast_edge/networks/*.py",
    "mfast_edge/models/centernet/*.py",
    "mfast_edge/models/classifier/*.py",
    "mfast_edge/models/imitation.py",
    "mfast_edge/models/own.py",
    "mfast_edge/models/priors.py",
    "mfast_edge/models/ssd/*.py",
    "mfast_edge/models/yolov1/*.py",
    "mfast_edge/models/yolo9000/*.py",
    "mfast_edge/backbones/*.py",
]
GRAPHS = [f"export/{name}.py" for name in ("int8", "ranges", "pixels", "sites", "to_onnx", "passes", "gates")]
CLOCK = ["mfast_edge/latency.py", "mfast_edge/gauge.py", "export/probe.py", "export/layer.py"]  # for target_ms
BESIDE = {  # what else decides the bytes that a stage writes
    "adopt": [f"export/{name}.py" for name in ("adopt", "intake", "passes", "clips", "gates")],
    "train": LEARNING,
    "refit": [*LEARNING, "mfast_edge/stages/transplant.py"],
    "decompose": [*LEARNING, *(f"mfast_edge/stages/{name}.py" for name in ("evbmf", "factors", "offers", "replace"))],
    "prune": [*LEARNING, *CLOCK, *(f"mfast_edge/stages/{name}.py" for name in ("channels", "sensitivity", "widths"))],
    "distill": LEARNING,
    "qat": [*LEARNING, "mfast_edge/stages/rounding.py", "mfast_edge/precision.py", *GRAPHS],
    "export_onnx": [
        "export/to_onnx.py",
        "export/passes.py",
        "export/clips.py",
        "export/gates.py",
        "mfast_edge/backbones/*.py",
        "mfast_edge/models/centernet/network.py",
        "mfast_edge/models/classifier/network.py",
        "mfast_edge/networks/*.py",
        "mfast_edge/models/ssd/network.py",
        "mfast_edge/models/yolov1/network.py",
        "mfast_edge/models/yolo9000/network.py",
    ],
    "cast_fp16": [f"export/{name}.py" for name in ("half", "rounded", "pixels", "ranges", "passes", "intake")],
    "quantize": [
        "mfast_edge/stages/mixed.py",
        "export/blocks.py",
        "export/int8.py",
        "export/gates.py",
        "export/ranges.py",
        "export/clipping.py",
        "export/channels.py",
        "export/equalise.py",
        "export/bias.py",
        "export/pixels.py",
        "export/passes.py",
        "mfast_edge/data/split.py",
    ],
    "build_engine": ["export/board/building.py"],
}


def fingerprint(stage: str) -> str:
    """SHA-256 of the stage's own sources and of those beside it."""
    root = HERE.parents[1]
    beside = [file for pattern in BESIDE[stage] for file in sorted(root.glob(pattern))]
    files = [root / (STAGES[stage].replace(".", "/") + ".py"), *beside]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@pytest.mark.parametrize("stage", STAGES)
def test_a_changed_stage_has_a_new_version(stage: str) -> None:
    """A change that alters what a stage makes raises its version; then, or if it alters nothing: make versions."""
    known = json.loads((HERE / "versions.json").read_text())
    version = import_module(STAGES[stage]).STAGE.version
    assert known[stage] == {"version": version, "sources": fingerprint(stage)}


@pytest.mark.parametrize("pattern", [f"{stage}: {pattern}" for stage, some in BESIDE.items() for pattern in some])
def test_every_source_that_is_guarded_is_there(pattern: str) -> None:
    assert list(HERE.parents[1].glob(pattern.partition(": ")[2]))


def test_what_decides_widths_in_milliseconds_is_guarded() -> None:
    from mfast_edge import gauge, latency

    assert {Path(one.__file__).name for one in (gauge, latency)} <= {Path(file).name for file in BESIDE["prune"]}
