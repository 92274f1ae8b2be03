"""Winner and reference trained anew, side by side and equally long, with several seeds; what they weigh and take."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import score
from mfast_edge.errors import Unfinished
from tests.shows import zoo

PLAN = Path(__file__).with_name("plan.yaml")
PACED = 3532  # images of the short trainings that tell how fast networks learn: two for each photo of TrashNet
PACE_SEED = 99
ROUNDS, SECONDS = 30, 0.03


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared: words of `compress` for each network, seeds, minutes of training, where runs lie."""

    networks: Mapping[str, Sequence[str]]
    seeds: Sequence[int]
    minutes: float
    data: str
    out: Path


def compared(asked: Asked) -> dict[str, Any]:
    """Medians over the seeds: macro F1 on test, seconds of one pass over test, score; and each run by itself."""
    together(asked, [(name, PACE_SEED) for name in asked.networks], dict.fromkeys(asked.networks, PACED), "pace")
    images = {name: paced(asked, name) for name in asked.networks}
    together(asked, [(name, seed) for seed in asked.seeds for name in asked.networks], images, "seed")
    runs = [(name, asked.out / f"{name}-seed{seed}") for name in asked.networks for seed in asked.seeds]
    shown = [zoo.shown(folder) for _, folder in runs]
    times = zoo.clock(shown, ROUNDS, SECONDS)
    rows = [
        {"network": name, "seed": one.run.candidate.lineage[0].seed} | known(one) | clocked
        for (name, _), one, clocked in zip(runs, shown, times, strict=True)
    ]
    photos = len(shown[0].shop.data.splits["test"])
    return {"summary": summary(rows, photos), "photos": photos, "minutes": asked.minutes, "rows": rows}


def together(asked: Asked, jobs: Sequence[tuple[str, int]], images: Mapping[str, int], kind: str) -> None:
    """The runs of these networks and seeds, two at a time, on one thread each. Unfinished: one did not end."""
    for pair in (jobs[start : start + 2] for start in range(0, len(jobs), 2)):
        going = [(name, begun(asked, name, seed, images[name], kind)) for name, seed in pair]
        if failed := [name for name, process in going if process.wait() not in (0, 1)]:
            raise Unfinished(f"search: the training of {failed[0]} did not end; see its folder in {asked.out}")


def begun(asked: Asked, name: str, seed: int, images: int, kind: str) -> subprocess.Popen[bytes]:
    """A run, begun."""
    until = ["--until", "train"] if kind == "pace" else []
    words = [*asked.networks[name], "--plan", str(PLAN), "--data", asked.data, "--set", f"seed={seed}"]
    words += ["--set", f"train.images={images}", "--out", str(asked.out), "--name", f"{name}-{kind}{seed}", *until]
    command = [sys.executable, "-m", "mfast_edge.compress", *words]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


def paced(asked: Asked, name: str) -> int:
    """Images that this network learns from in the minutes that all have, whole batches of 32."""
    journal = (asked.out / f"{name}-pace{PACE_SEED}" / "journal.jsonl").read_text().splitlines()
    seconds = max(json.loads(line)["seconds"] or 0.0 for line in journal)
    return int(asked.minutes * 60 * PACED / seconds) // 32 * 32


def known(one: zoo.Shown) -> dict[str, Any]:
    """What a run found out about its network: quality on test, parameters, minutes."""
    seconds, images = zoo.trained(one)
    final = one.run.final
    return {
        "f1": final["float"]["test"]["f1"],
        "int8_f1": final["metrics"]["test"]["f1"],
        "params": zoo.parameters(one.candidate("train")),
        "mb": one.told["export_onnx"]["mb"],
        "size": one.shop.build.model_dump()["size"],
        "images": images,
        "minutes": seconds / 60,
        "command": zoo.portable(final["command"]),
    }


def summary(rows: Sequence[Mapping[str, Any]], photos: int) -> dict[str, Any]:
    """Each network's medians; its score is against the reference, which scores 1."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(row["network"] for row in rows):
        mine = [row for row in rows if row["network"] == name]
        middle = {
            key: statistics.median(row[key] for row in mine)
            for key in ("f1", "params", "float_e2e_ms_1t", "float_ms_1t")
        }
        found[name] = {
            "f1": middle["f1"],
            "f1_each": [row["f1"] for row in mine],
            "seconds": middle["float_e2e_ms_1t"] * photos / 1e3,
            "forward_seconds": middle["float_ms_1t"] * photos / 1e3,
            "params": middle["params"],
        }
    par = found["reference"]
    for one in found.values():
        one["score"] = score.score(one["f1"], one["seconds"], f1_ref=par["f1"], t_ref=par["seconds"])
        one["forward_score"] = score.score(
            one["f1"], one["forward_seconds"], f1_ref=par["f1"], t_ref=par["forward_seconds"]
        )
    return found
