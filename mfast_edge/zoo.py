"""Models of the zoo as they are built, untrained: in torch in every way, and on a CPU as graphs in every runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks import results, timing
from export.errors import ExportError
from export.int8 import quantize
from export.sessions import RUNTIMES, VARIANTS, available
from export.shape import inputs
from export.to_onnx import to_onnx
from mfast_edge import model as models
from mfast_edge import ways
from mfast_edge.backbones.norms import measure
from mfast_edge.data.index import measurable
from mfast_edge.data.photo import load
from mfast_edge.data.sample import labels, objects
from mfast_edge.entered import Known, Setting, at, in_runtime
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.models.resize import blob
from mfast_edge.raced import Entry
from mfast_edge.runners import torch_on
from mfast_edge.settings import Settings, check
from mfast_edge.stages.quantize import Quantize
from mfast_edge.target import find as find_target
from mfast_edge.workshop import dressing

if TYPE_CHECKING:
    from torch import nn

    from mfast_edge.model import Model

SEED = 0
MEASURED, CALIBRATED = 8, 32  # photos for batch norms, for int8
SIDE = 4096  # of the matrices that a GPU's peak is measured with
WAYS = "16-bit torch rows: weights cast once for the forward, autocast for the backward; norms in eval, no step"
GPU = "images lie on the GPU, cuDNN chooses by its heuristics; the roof is the GPU's peak in square matrix products"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of the zoo: data that norms and int8 are calibrated on, build settings, a device, ways; `roof`:
    a GPU's peak too."""

    data: str
    settings: Mapping[str, Any]
    device: str = "cpu"
    modes: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    roof: bool = False


@dataclass(frozen=True, slots=True)
class Fresh:
    """A network as built on the CPU, its weights drawn at random and its norms measured on `photos`, which are
    float32 (1, 3, H, W) RGB 0..255."""

    model: Model
    build: Settings
    network: nn.Module
    photos: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True)
class Networks:
    """A network as it is and with norms folded, on its device with an image; `left`: what could not be folded."""

    plain: nn.Module
    folded: nn.Module
    image: torch.Tensor
    left: str


def ready(order: Order) -> None:
    """UserError where the device is not here or has not all ways that were asked for."""
    if order.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device: cuda was asked for and none is here; cpu would be right")
    ways.ways(order.device, order.modes, order.precisions)


def notes(order: Order) -> tuple[str, ...]:
    """What a reader of the rows must know."""
    data = order.data.rpartition("/")[2]  # wherever it lies
    told = f"weights are random; batch norms are measured, and int8 is calibrated, on photos of {data}"
    return (told, WAYS, *((GPU,) if order.device == "cuda" else ()))


def stocked(name: str, order: Order, how: Setting) -> list[Entry]:
    """A model in every way on the device; on a CPU as graphs too, with norms, without, and in int8."""
    made = fresh(name, order, how.folder)
    title = models.title(made.model)
    files = exported(made, how.folder) if order.device == "cpu" else {}
    found = [entry for batch in how.batches or (1,) for entry in in_torch(made, batch, order, how)]
    if "folded" in files and order.roof:
        found = [replace(entry, graph=sized_for(entry, files["folded"], how)) for entry in found]
    graphs = [
        in_runtime(file, batch, runtime, Known(title, title, fused=True), how)
        for kind, file in files.items()
        for batch in how.batches or (1,)
        for runtime in (*RUNTIMES, *VARIANTS)
        if available(runtime) and not (kind == "int8" and runtime in VARIANTS)
    ]
    return found + graphs


def fresh(name: str, order: Order, folder: Path) -> Fresh:
    """A model built for the data. UserError for settings that it has not."""
    model = models.find(name, MODELS)
    data = measurable(order.data, cache=folder / "data", seed=SEED)
    given = check(model.build, {**order.settings, "classes": data.classes}, f"--set, {name}")
    build = models.settled(given, objects(data.splits["train"]), labels(data.splits["train"]))
    torch.manual_seed(SEED)
    network, known = model.network(build).eval(), model.facts(build)
    records = (data.splits["train"] or data.records)[:CALIBRATED]
    photos = tuple(blob(load(record), (known["height"], known["width"])) for record in records)
    measure(network, (torch.from_numpy(photo) for photo in photos[:MEASURED]))
    return Fresh(model, build, network, photos)


def in_torch(made: Fresh, batch: int, order: Order, how: Setting) -> list[Entry]:
    """A network at one batch in every way."""
    image = torch.from_numpy(made.photos[0]).repeat(batch, 1, 1, 1).to(order.device)
    plain = made.network.to(order.device)
    folded, done, norms = ways.folded(plain, image)
    left = "" if done == norms else f"{done} of {norms} batch norms folded"
    networks, wanted = Networks(plain, folded, image, left), ways.ways(order.device, order.modes, order.precisions)
    with torch_on(how.threads):
        return [in_way(made, way, networks, order, how) for way in wanted]


def in_way(made: Fresh, way: ways.Way, networks: Networks, order: Order, how: Setting) -> Entry:
    """A network in one way."""
    network, image = networks.folded if way.fused else networks.plain, networks.image
    found = ways.prepare(network, image, way)
    said, held = [found.remark, networks.left if way.fused else ""], order.roof and image.is_cuda
    row = results.Row(
        name=models.title(made.model),
        file="",
        runtime="torch",
        versions=versions(image),
        threads=how.threads,
        precision=way.precision,
        model=models.title(made.model),
        how=way.mode,
        fused=way.fused,
        batch=len(image),
        inputs={"image": list(image.shape)},
        memory=None if found.memory is None else {"peak": found.memory, "before": 0.0},
        roof=least(network, image, way.precision) if held else None,
        rates={way.precision: rate(way.precision)} if held else None,
        remark="; ".join(word for word in said if word),
    )
    job = {
        "model": made.model.name,
        "build": made.build.model_dump(mode="json"),
        "way": asdict(way),
        "threads": how.threads,
        "batch": len(image),
    }
    return Entry(row, found.calls, job=job if order.device == "cpu" and way.mode == "eager" else None)


def exported(made: Fresh, folder: Path) -> dict[str, Path]:
    """{norms, folded, int8: graph}, dressed as for x86."""
    target, known = find_target("x86"), made.model.facts(made.build)
    files = {kind: folder / f"{models.title(made.model)}-{kind}.onnx" for kind in ("norms", "folded", "int8")}
    shape = (1, 3, known["height"], known["width"])
    for kind in ("norms", "folded"):
        fold = kind == "folded"
        to_onnx(made.network, shape, files[kind], names=made.model.outputs, metadata={}, opset=target.opset, fold=fold)
    stage = Quantize().fitted(target)
    assert stage.dressing is not None
    quantize(files["folded"], files["int8"], made.photos, dressing=dressing(stage, stage.dressing))
    return files


def sized_for(entry: Entry, file: Path, how: Setting) -> Path | None:
    """The graph at a row's batch, whose layers its roof is worked out from; None where its batch is baked in."""
    shape = tuple(entry.row.inputs["image"])
    try:
        return at(file, dict.fromkeys(inputs(file), shape), how.folder)
    except ExportError:
        return None  # the graph's own row says why


def versions(image: torch.Tensor) -> dict[str, str]:
    """Of what computes."""
    told = {"torch": str(torch.__version__)}
    if image.is_cuda:
        told |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}  # type: ignore[no-untyped-call]
    return told


@cache
def rate(precision: str) -> float:
    """Multiply-adds per second of a GPU in square matrices, measured once a process."""
    kind = ways.SHORT.get(precision, torch.float32)
    left, right = (torch.randn(SIDE, SIDE, device="cuda", dtype=kind) for _ in range(2))
    way = ways.Way("eager", precision, fused=True)

    def product() -> None:
        ways.settle(way, left)
        torch.matmul(left, right)
        torch.cuda.synchronize()

    (series,) = timing.measure({"product": product}, rounds=10).values()
    return SIDE**3 / timing.percentile(series, 50) * 1e3


def least(network: nn.Module, image: torch.Tensor, precision: str) -> float:
    """The least ms of a forward if a GPU did nothing but multiply."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image)
    return counter.get_total_flops() / 2 / rate(precision) * 1e3
