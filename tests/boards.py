"""A finished run for a board that is not here, and results that come back from one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mfast_edge import target
from mfast_edge.store import write_json
from mfast_edge.verdict import Verdict

NANO = {"cpu": None, "arch": "aarch64", "board": "NVIDIA Jetson Nano Developer Kit", "threads": 1, "l4t": "# R32"}
QUALITY = {"map50": 0.8, "map": 0.5, "f1": 0.7}
LOSS = {"points": 0.4, "low": -0.2, "high": 1.0}


def verdict(stage: str, parent: str, child: str, ratio: float | None) -> Verdict:
    measured = None if ratio is None else {"median": ratio, "low": ratio - 0.01, "high": ratio + 0.01}
    loss, weight = None if stage == "train" else LOSS, 1.0 if ratio else None
    sentence = "kept: 0.70x the time by proxy" if ratio else "kept: as it is"
    return Verdict(
        stage, parent, child, "here", True, sentence, "onnxruntime", True, QUALITY, loss, measured, weight, ms=5.0
    )


def made(run: Path, device: str = "jetson") -> Path:
    """`run`: what the joining reads of a finished run for a device, the Nano: train, prune, export_onnx."""
    told = [
        verdict("train", "root", "t", None),
        verdict("prune", "t", "p", 0.7),
        verdict("export_onnx", "p", "x", None),
    ]
    for one in told:
        write_json(run / "verdicts" / f"{one.parent}-{one.child}-here-abc123.json", asdict(one))
    rows = [
        {
            "stage": one.stage, "key": one.child, "keep": True, "verdict": one.sentence, **QUALITY, "mb": 1.0,
            "runtime": "onnxruntime", "forward_ms": {"onnxruntime": 5.0}, "e2e_ms": 6.0, "seconds": None,
            "parity": None,
        }
        for one in told
    ]  # fmt: skip
    facts = {
        "key": "x",
        "machine": "here",
        "budget": 1.0,
        "proxy": True,
        "command": "compress …",
        "ms": {"onnxruntime": 5.0},
    }
    write_json(run / "final.json", {**facts, "rows": rows})
    write_json(run / "target.json", target.find(device).model_dump(mode="json"))
    return run


def brought(
    path: Path, times: dict[str, list[float]], device: dict[str, Any] = NANO, date: str = "2026-01-01", **more: Any
) -> Path:
    """A file as run.py bench writes it: {keys joined by +: medians of the rounds}."""
    runtime = "tensorrt" if device.get("l4t") else "onnxruntime"
    rows = [
        {
            "name": f"tiny {keys}", "file": f"{keys}.engine", "runtime": runtime, "threads": device["threads"],
            "versions": {"tensorrt": "8.2.1.8"}, "precision": "float16", "mb": 1.0,
            "forward": {"p50": sorted(ms)[len(ms) // 2], "p90": max(ms), "p99": max(ms)},
            "options": {"keys": keys.split("+"), "onnx": f"{keys}.onnx", "medians": ms, **more},
        }
        for keys, ms in times.items()
    ]  # fmt: skip
    path.write_text(json.dumps({"machine": device, "date": date, "command": "python3 run.py bench", "rows": rows}))
    return path
