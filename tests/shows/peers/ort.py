"""onnxruntime's own static quantizer, called as its documentation says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from tests.shows.peers.bench import Bench, Made

IMAGES = 100
# Of its settings the fastest on x86 that loses nothing: uint8 activations, int8 weights, min-max, per channel.
SETTINGS = {"activations": "QUInt8", "weights": "QInt8", "calibration": "MinMax", "per_channel": True}
RUNS = ("onnxruntime", "openvino")


class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Images one by one, then None."""

    def __init__(self, images: Iterable[np.ndarray]) -> None:
        self.images: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next feed."""
        image = next(self.images, None)
        return None if image is None else {"image": image}


def quantize(source: Path, target: Path, images: Iterable[np.ndarray]) -> None:
    """The float graph at `source` as static int8 in Q/DQ at `target`, calibrated on `images`."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared)
        quantize_static(
            prepared,
            target,
            Reader(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def asked(key: str) -> dict[str, object]:
    """What the file depends on."""
    return {"key": key, "images": IMAGES, "onnxruntime": version("onnxruntime"), **SETTINGS}


def row(one: Bench, source: Made) -> Made:
    """(a): the float network through quantize_static."""

    def make(files: Path, _state: Path) -> str:
        quantize(source.file, files / "model.onnx", one.images(IMAGES))
        one.shop.copy_blueprint(source.candidate, files)
        return "model.onnx"

    return one.made("ort", RUNS, asked(one.run.candidate.key), make)
