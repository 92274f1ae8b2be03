"""What each way of making int8 is worth: val quality of a stored float graph, calibrator by calibrator.

python -m tests.shows.calibrators CANDIDATE --data voc:PATH [--methods minmax mse] [--saturate] [--seed 1]

CANDIDATE: the folder of an exported float graph in runs/store. The table is Markdown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from export.int8 import Dressing, quantize
from export.saturate import Tally, open_saturating
from export.sessions import Session, open_session
from export.shape import shape
from mfast_edge.data.index import read
from mfast_edge.data.photo import load
from mfast_edge.data.sample import Dataset
from mfast_edge.data.split import calibration
from mfast_edge.models.detections import detect
from mfast_edge.models.resize import blob
from mfast_edge.opened import Opened, opened
from mfast_edge.tasks.detect import compare

WAYS = {
    "plain": {},
    "equalised": {"equalise": True},
    "bias corrected": {"correct_bias": True},
    "both": {"equalise": True, "correct_bias": True},
}


def main(words: list[str]) -> int:
    """Print the rows as they come."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows.calibrators")
    parser.add_argument("candidate", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--methods", nargs="+", default=["minmax", "percentile", "entropy", "mse"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runtime", default="onnxruntime")
    parser.add_argument("--reduce-range", action="store_true", help="7-bit weights")
    parser.add_argument("--saturate", action="store_true", help="also as a CPU without VNNI computes it; minutes")
    asked = parser.parse_args(words)
    source = opened(asked.candidate)
    with tempfile.TemporaryDirectory() as folder:
        data = read(asked.data, cache=Path(folder), seed=asked.seed)
        print("| calibrator | way | val mAP@.5 | mAP | mean error of the outputs |\n|---|---|---|---|---|")
        floats = open_session(source.candidate.file, asked.runtime)
        tell("float", "", source, data, floats, 0.0)
        for method in asked.methods:
            for way in asked.ways:
                file = Path(folder) / "int8.onnx"
                dressing = Dressing(
                    "uint8", symmetric=False, method=method, reduce_range=asked.reduce_range, **WAYS[way]
                )
                quantize(source.candidate.file, file, photos(source, data, asked), dressing=dressing)
                session = open_session(file, asked.runtime)
                tell(method, way, source, data, session, error(source, data, floats, session))
                if asked.saturate:
                    tally = Tally()
                    cut = open_saturating(file, tally=tally)
                    tell(method, f"{way}, saturating", source, data, cut, error(source, data, floats, cut))
                    print(f"<!-- {tally.cut} of {tally.sums} pair sums cut -->", flush=True)
    return 0


def photos(source: Opened, data: Dataset, asked: argparse.Namespace) -> Iterator[np.ndarray]:
    """The calibration photos that the stage would take."""
    height, width = shape(source.candidate.file)[2:]
    return (blob(load(record), (height, width)) for record in calibration(data, asked.images, asked.seed))


def tell(method: str, way: str, source: Opened, data: Dataset, session: Session, mean: float) -> None:
    """One row."""
    records = data.splits["val"]
    found = [detect(load(record), session, source.model.decode, source.facts) for record in records]
    quality = compare([record.truth for record in records], found, data.classes, None)
    print(f"| {method} | {way} | {quality.map50:.4f} | {quality.map:.4f} | {mean:.4f} |", flush=True)


def error(source: Opened, data: Dataset, one: Session, other: Session) -> float:
    """Mean absolute difference of all raw outputs, on the first val photos."""
    size = (source.facts["height"], source.facts["width"])
    found = [raw(one, other, lambda kind, r=record: blob(load(r), size, kind)) for record in data.splits["val"][:8]]
    return float(np.mean(found))


def raw(one: Session, other: Session, make: Callable[[str], np.ndarray]) -> float:
    """The same of one photo, outputs weighed alike."""
    pairs = zip(one(make(one.pixels)), other(make(other.pixels)), strict=True)
    return float(np.mean([np.abs(a - b).mean() for a, b in pairs]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
