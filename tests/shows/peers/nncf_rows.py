"""NNCF's post-training quantization, plain and with accuracy control, into OpenVINO's own format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mfast_edge.data.photo import load
from mfast_edge.data.sample import Record
from mfast_edge.data.split import calibration
from mfast_edge.models.detections import detect
from mfast_edge.models.resize import blob
from mfast_edge.tasks import detect as task
from tests.shows.peers.bench import Bench, Made

IMAGES = 300  # NNCF's own default; all of train where it has fewer
MAX_DROP = 0.01  # NNCF's own default, of mAP@.5 on val
PRESETS = ("performance", "mixed")
RUNS = ("openvino",)


def rows(one: Bench, source: Made) -> list[Made]:
    """(b) with both presets and (c)."""
    plain = [ptq(one, source, f"nncf-{preset}", preset) for preset in PRESETS]
    return [*plain, controlled(one, source)]


def ptq(one: Bench, source: Made, name: str, preset: str) -> Made:
    """(b): nncf.quantize of a float graph."""

    def make(model: Any) -> Any:
        import nncf

        photos = dataset(one, calibration(one.shop.data, IMAGES, one.seed))
        return nncf.quantize(model, photos, preset=nncf.QuantizationPreset(preset), subset_size=IMAGES)

    return saved(one, source, name, {"preset": preset}, make)


def controlled(one: Bench, source: Made) -> Made:
    """(c): nncf.quantize_with_accuracy_control, which puts layers back into float until mAP@.5 on val is kept."""

    def make(model: Any) -> Any:
        import nncf

        return nncf.quantize_with_accuracy_control(
            model,
            dataset(one, calibration(one.shop.data, IMAGES, one.seed)),
            dataset(one, one.shop.data.splits["val"]),
            lambda compiled, records: validate(one, source, compiled, records),
            max_drop=MAX_DROP,
            drop_type=nncf.DropType.ABSOLUTE,
            subset_size=IMAGES,
        )

    return saved(one, source, "nncf-accuracy", {"max_drop": MAX_DROP}, make)


def dataset(one: Bench, records: Iterable[Record]) -> Any:
    """Photos as NNCF takes them: records, and what makes the graph's input of one."""
    import nncf

    size = one.shop.size(one.shop.build)
    return nncf.Dataset(list(records), lambda record: blob(load(record), size))


def validate(one: Bench, source: Made, compiled: Any, records: Iterable[Record]) -> float:
    """mAP@.5 of a compiled model on photos, through the product's own resize, decode and NMS."""
    facts = one.shop.facts(source.candidate)
    shown = list(records)

    def forward(image: np.ndarray) -> list[np.ndarray]:
        return list(compiled(image).values())

    found = [detect(load(record), forward, one.shop.model.decode, facts) for record in shown]
    return task.compare([record.truth for record in shown], found, one.shop.data.classes).map50


def saved(one: Bench, source: Made, name: str, settings: dict[str, Any], make: Callable[[Any], Any]) -> Made:
    """What NNCF makes of the graph at `source`, as .xml and .bin."""

    def write(files: Path, _state: Path) -> str:
        import openvino

        made = make(openvino.Core().read_model(source.file))
        openvino.save_model(made, files / "model.xml", compress_to_fp16=False)
        one.shop.copy_blueprint(source.candidate, files)
        return "model.xml"

    asked = {"source": source.how["asked"], "images": IMAGES, "nncf": version("nncf"), **settings}
    return one.made(name, RUNS, asked, write)
