"""The peak that this CPU reaches now, and how close to it a graph may come."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks import timing
from export.roof import CHANNELS, DEPTH, SIDE, Rates, image, layers, probes, roofline
from export.sessions import available, open_session

BUFFER = 4 << 20  # bytes copied to measure the memory: about a small network's weights, more than a core's L2
RUNTIMES = {"float32": "openvino", "int8": "openvino", "bfloat16": "openvino-bf16"}
HELD = ("float32", "int8", "bfloat16")  # what a share of the peak can be told of


@cache
def rates(threads: int = 1) -> Rates:
    """Measured once a process, on so many threads: large 1x1 convolutions through OpenVINO, a copy in memory."""
    read, written = np.ones(BUFFER // 2, np.uint8), np.empty(BUFFER // 2, np.uint8)
    calls: dict[str, Callable[[], object]] = {"memory": lambda: np.copyto(written, read)}
    with tempfile.TemporaryDirectory() as folder:
        files = probes(Path(folder))
        wanted = {kind: runtime for kind, runtime in RUNTIMES.items() if available(runtime)}
        for kind, runtime in wanted.items():
            session = open_session(files.get(kind, files["float32"]), runtime, threads=threads)
            calls[kind] = partial(session, image())
        series = timing.measure(calls, rounds=15, seconds=0.1)
    ms = {name: timing.percentile(one, 50) for name, one in series.items()}
    macs = DEPTH * CHANNELS**2 * SIDE**2
    reached = {kind: macs / ms[kind] * 1e3 for kind in wanted}
    return Rates(memory=BUFFER / ms["memory"] * 1e3, **reached)


def measurable() -> bool:
    """Whether the peak can be measured here."""
    return available("openvino")


def least(file: Path, threads: int, precision: str) -> float | None:
    """The least ms of an ONNX graph at this CPU's peak; None for an arithmetic whose peak is not measured."""
    reached = rates(threads)
    if precision not in HELD or not getattr(reached, precision):
        return None
    return roofline(layers(file), reached, precision) or None
