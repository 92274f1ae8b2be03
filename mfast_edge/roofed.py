"""The peak that this CPU reaches now, and how close to it a graph may come."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks import timing
from export.roof import SHAPES, Rates, image, layers, probes, roofline
from export.sessions import available, open_session

BUFFER = 4 << 20  # bytes copied to measure the memory: about a small network's weights, more than a core's L2
RUNTIMES = {"float32": ("openvino", "onnxruntime"), "int8": ("openvino", "onnxruntime"), "bfloat16": ("openvino-bf16",)}
HELD = ("float32", "int8", "bfloat16")  # what a share of the peak can be told of
BEYOND = "above the peak measured beside it: a kernel or a cache reaches more than the probes did"

_reached: dict[int, Rates] = {}  # the most that was seen in this process, by threads


def rates(threads: int = 1) -> Rates:
    """The most that this CPU was seen to reach on so many threads; measured now if it never was."""
    if threads not in _reached:
        seen(threads, timing.measure(dict(calls(threads)), rounds=6, seconds=0.05))
    return _reached[threads]


@cache
def calls(threads: int) -> Mapping[str, Callable[[], object]]:
    """What the peak is measured by, to be called in the rounds of what is held against it: convolutions of SHAPES in
    each arithmetic and each runtime that is here, and a copy in memory."""
    read, written = np.ones(BUFFER // 2, np.uint8), np.empty(BUFFER // 2, np.uint8)
    made: dict[str, Callable[[], object]] = {"memory": lambda: np.copyto(written, read)}
    with tempfile.TemporaryDirectory() as folder:
        files = probes(Path(folder))
        for kind, runtimes in RUNTIMES.items():
            for runtime in filter(available, runtimes):
                for shape in SHAPES:
                    file = files["int8" if kind == "int8" else "float32", shape]
                    session = open_session(file, runtime, threads=threads)
                    made[f"{kind} {runtime} {shape.name}"] = partial(session, image(shape))
    return made


def seen(threads: int, series: Mapping[str, timing.Series]) -> None:
    """Take note of what `calls` reached in rounds, the best of each arithmetic's: the peak only rises."""
    least = {name: min(timing.medians(series[name])) for name in calls(threads)}
    found = dict.fromkeys(HELD, 0.0)
    for kind in HELD:
        for shape in SHAPES:
            mine = [ms for name, ms in least.items() if name.startswith(f"{kind} ") and name.endswith(f" {shape.name}")]
            found[kind] = max([found[kind], *(shape.macs / ms * 1e3 for ms in mine)])
    found["memory"] = BUFFER / least["memory"] * 1e3
    before = asdict(_reached[threads]) if threads in _reached else {}
    _reached[threads] = Rates(**{name: max(rate, before.get(name, 0.0)) for name, rate in found.items()})


def measurable() -> bool:
    """Whether the peak can be measured here."""
    return available("openvino")


def least(file: Path, peak: Rates, precision: str) -> float | None:
    """The least ms of an ONNX graph at a peak; None for an arithmetic whose peak is not measured.

    Raises export.errors.Unreadable where its layers cannot be counted.
    """
    if precision not in HELD or not getattr(peak, precision):
        return None
    return roofline(layers(file), peak, precision) or None
