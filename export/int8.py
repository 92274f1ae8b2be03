"""A float ONNX file becomes an int8 one: Q/DQ nodes with ranges measured on real images."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    TensorData,
    TensorsData,
    quantize_static,
    save_tensors_data,
)

from export.bias import correct_bias
from export.equalise import equalise
from export.errors import ExportError
from export.gates import gates
from export.passes import drop_unused, infer, scrub
from export.pixels import pixel_ranges, pixels, take_bytes, taken, takers
from export.ranges import Method, Ranges, measure

_TYPES = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
_WEIGHTED = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
_MEANS = 32  # images for bias correction: each layer is a pass of its own, and means settle early
_PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")


@dataclass(frozen=True, slots=True)
class Dressing:
    """How activations and weights become 8 bits; weights are always symmetric int8.

    symmetric, int8: for TensorRT, which fuses by itself: only inputs and weights of weighted nodes are
    quantized, and onnxruntime on a CPU is slow with such a file. Otherwise: for CPUs, uint8 the fastest.
    `reduce_range` keeps weights to 7 bits, for CPUs whose 8-bit products saturate (no VNNI). `exclude`:
    names of nodes that stay in float, as the insides of hard swishes do anyway (export/gates). `pixels`: what
    the graph takes; uint8, for uint8 activations only, has no normalisation left. `equalise`, `correct_bias`:
    rewrite weights before, biases after (Nagel 2019). `whole_pixels`: what comes are pixels 0..255, each of which
    gets a level of its own.
    """

    activations: Literal["uint8", "int8"]
    symmetric: bool
    per_channel: bool = True
    reduce_range: bool = False
    method: Method = "minmax"
    percentile: float = 99.99
    exclude: tuple[str, ...] = ()
    pixels: Literal["float32", "uint8"] = "float32"
    equalise: bool = False
    correct_bias: bool = False
    whole_pixels: bool = True

    def __post_init__(self) -> None:
        if self.activations not in _TYPES or (self.symmetric and self.activations != "int8"):
            raise ExportError(f"{self.activations}: symmetric activations are int8; others are uint8 or int8")
        if self.pixels == "uint8" and self.activations != "uint8":
            raise ExportError(f"pixels: uint8 with {self.activations} activations; float32 pixels would be right")


def keeping(dressing: Dressing, source: Path, names: tuple[str, ...]) -> Dressing:
    """`dressing` with the nodes `names` of the graph at `source` in float, pixels with them where they take these."""
    float_pixels = takers(onnx.load(source)) & set(names)
    return replace(dressing, exclude=names, pixels="float32" if float_pixels else dressing.pixels)


def quantize(source: Path, target: Path, images: Iterable[np.ndarray], *, dressing: Dressing) -> None:
    """Write at `target` the float graph at `source` as static int8.

    `images`, each float32 (1, 3, H, W), calibrate the activations, one at a time. Opset and metadata stay.
    Raises ExportError where an excluded node does not exist, the graph is int8 already or no image comes.
    """
    seen = list(images) if dressing.equalise or dressing.correct_bias else images
    with tempfile.TemporaryDirectory() as folder:
        level = _equalised(source, seen, Path(folder) / "equalised.onnx") if dressing.equalise else source
        found = measure(level, seen, dressing.method, percentile=dressing.percentile, symmetric=dressing.symmetric)
        if dressing.whole_pixels:
            found |= lossless(level, symmetric=dressing.symmetric)
        dress(level, target, found, dressing)
        if dressing.correct_bias:
            _correct(target, level, list(seen)[:_MEANS])


def lossless(source: Path, *, symmetric: bool) -> Ranges:
    """256 levels for the 256 values of a pixel; a symmetric range has none to spare for that."""
    return {} if symmetric else pixel_ranges(onnx.load(source))


def _equalised(source: Path, images: Iterable[np.ndarray], path: Path) -> Path:
    model = onnx.load(source)
    equalise(model, images)
    onnx.save(model, path)
    return path


def _correct(target: Path, source: Path, images: list[np.ndarray]) -> None:
    model = onnx.load(target)
    correct_bias(model, onnx.load(source), images, [taken(image, pixels(model)) for image in images])
    target.write_bytes(model.SerializeToString(deterministic=True))


def dress(source: Path, target: Path, ranges: Ranges, dressing: Dressing) -> None:
    """Write `source` as int8 at `target` with activation `ranges` that are known already.

    For uint8 pixels the range of the normalised image is that of 0..255, whatever `ranges` say.
    """
    model = onnx.load(source)
    _check(model, dressing)
    if dressing.pixels == "uint8":
        ranges = ranges | pixel_ranges(model)
    with tempfile.TemporaryDirectory() as folder:
        prepared, cache, made = (Path(folder) / name for name in ("in.onnx", "ranges.json", "out.onnx"))
        _prepare(model, prepared)
        save_tensors_data(_tensors(ranges), cache)
        quantize_static(
            prepared,
            made,
            None,
            calibration_cache_path=cache,
            quant_format=QuantFormat.QDQ,
            activation_type=_TYPES[dressing.activations],
            weight_type=QuantType.QInt8,
            per_channel=dressing.per_channel,
            reduce_range=dressing.reduce_range,
            op_types_to_quantize=_WEIGHTED if dressing.symmetric else None,
            nodes_to_exclude=[*dressing.exclude, *gates(model.graph)],
            extra_options=_extras(dressing),
        )
        dressed = onnx.load(made)
        if dressing.pixels == "uint8":
            take_bytes(dressed)
        target.write_bytes(_tidy(dressed, model))


def _check(model: onnx.ModelProto, dressing: Dressing) -> None:
    missing = sorted(set(dressing.exclude) - {node.name for node in model.graph.node})
    if missing:
        raise ExportError(f"exclude: no node is called {', '.join(missing)}; names are like features.0/Conv")
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise ExportError("the graph is quantized already; give the float one")


def _prepare(model: onnx.ModelProto, path: Path) -> None:
    """Our graphs are folded and inferred already: onnxruntime is told so, else it warns."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    onnx.helper.set_model_props(copy, dict([_PREPARED]))
    onnx.save(copy, path)


def _tensors(ranges: Ranges) -> Any:
    """Ranges from any method, in the shape of onnxruntime's min-max: it applies them unchanged."""
    data = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, data)


def _extras(dressing: Dressing) -> dict[str, Any]:
    """TensorRT takes a float bias only, and fuses what follows only where no Q/DQ stands before it."""
    if not dressing.symmetric:
        return {"WeightSymmetric": True}
    return {
        "ActivationSymmetric": True,
        "WeightSymmetric": True,
        "QuantizeBias": False,
        "OpTypesToExcludeOutputQuantization": _WEIGHTED,
    }


def _tidy(model: onnx.ModelProto, source: onnx.ModelProto) -> bytes:
    model.producer_name, model.producer_version = source.producer_name, source.producer_version
    onnx.helper.set_model_props(model, {one.key: one.value for one in source.metadata_props})
    for rewrite in (drop_unused, scrub, infer):
        rewrite(model)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
