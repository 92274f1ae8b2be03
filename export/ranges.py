"""What each tensor of a graph takes as values on real images: the ranges that int8 needs."""

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

from export.clipping import least_squares
from export.errors import ExportError

Method = Literal["minmax", "percentile", "entropy", "mse"]
Ranges = dict[str, tuple[float, float]]
_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
    "mse": CalibrationMethod.Percentile,  # for its histograms
}
_MOVES = {"Concat", "Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
# onnxruntime's entropy starts with 128 bins for 128 levels: nothing to choose from, so it equals min-max.
# More bins cut too much where many values are 0, after a ReLU. Mean score error of SSD-MobileNet-v1's COCO
# weights: .08 with 512 bins, .34 with 1024 for 255 levels; min-max .014, 99.99 percentile .014.
_BINS = {
    "percentile": {"num_bins": 2048},
    "entropy": {"num_bins": 512, "num_quantized_bins": 128},
    "mse": {"num_bins": 4096},
}


def measure(
    source: Path, images: Iterable[np.ndarray], method: Method, *, percentile: float, symmetric: bool
) -> Ranges:
    """(lowest, highest) of every float tensor of the graph over `images`, each float32 (1, 3, H, W).

    `percentile` (0..100) is the share of values kept inside, for that method only; the graph's outputs
    are never cut. Images are taken one at a time, so any number fits in memory. Entropy is slow.
    Raises ExportError where there is no image.
    """
    if method not in _METHODS:
        raise ExportError(f"calibration: {method} given; choose one of {', '.join(_METHODS)}")
    settings = {"symmetric": symmetric, "percentile": percentile, **_BINS.get(method, {})}
    # onnxruntime prints its progress, and takes a folder for a copy of the graph with more outputs.
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as null, redirect_stdout(null):
        kinds = dict.fromkeys((method, "minmax"))
        calibrators = {kind: _calibrator(source, Path(folder) / kind, kind, settings) for kind in kinds}
        _feed(calibrators.values(), images, _input(source))
        found = {kind: _RANGES.get(kind, _pairs)(calibrator) for kind, calibrator in calibrators.items()}
    whole = heads(onnx.load(source, load_external_data=False).graph)
    return {name: found["minmax" if name in whole else method][name] for name in found[method]}


def heads(graph: onnx.GraphProto) -> set[str]:
    """The outputs, and the tensors that only move into them: never cut, a detection is the rare value."""
    found = {one.name for one in graph.output}
    for node in reversed(graph.node):
        if node.op_type in _MOVES and found & set(node.output):
            found.update(node.input)
    return found


def _calibrator(source: Path, copy: Path, method: str, settings: dict[str, Any]) -> Any:
    return create_calibrator(
        source,
        augmented_model_path=f"{copy}.onnx",
        calibrate_method=_METHODS[method],
        extra_options=settings,
    )


class _One(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """A single image, then the end."""

    def __init__(self, feed: dict[str, np.ndarray]) -> None:
        self.feeds = [feed]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.feeds.pop() if self.feeds else None


def _feed(calibrators: Iterable[Any], images: Iterable[np.ndarray], name: str) -> None:
    empty = True
    for image in images:
        empty = False
        for calibrator in calibrators:
            calibrator.collect_data(_One({name: image}))
    if empty:
        raise ExportError("calibration: no images given; give at least one, better a hundred")


def _input(source: Path) -> str:
    return str(onnx.load(source, load_external_data=False).graph.input[0].name)


def _pairs(calibrator: Any) -> Ranges:
    ranges = {name: data.range_value for name, data in calibrator.compute_data().items()}
    return {name: (float(np.min(low)), float(np.max(high))) for name, (low, high) in ranges.items()}


def _closest(calibrator: Any) -> Ranges:
    """The ranges of least squared error over what a calibrator has counted."""
    counted = calibrator.collector.get_histogram_dict()
    symmetric = bool(calibrator.symmetric)
    return {name: least_squares(one[0], one[1], symmetric=symmetric) for name, one in counted.items()}


_RANGES: dict[str, Callable[[Any], Ranges]] = {"mse": _closest}
