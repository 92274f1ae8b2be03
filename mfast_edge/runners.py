"""Networks and graphs as things to call: what quality and latency are measured through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.sessions import open_session
from mfast_edge import precision
from mfast_edge.candidate import digest
from mfast_edge.stages.cast_fp16 import ROUNDED

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mfast_edge.candidate import Candidate
    from mfast_edge.models.detections import Forward
    from mfast_edge.stages.quantize import Quantize
    from mfast_edge.workshop import Workshop

PROBE_IMAGES = 32


def open_file(file: Path, runtime: str, threads: int) -> Forward:
    """A graph in a runtime."""
    return open_session(file, runtime, threads=threads)


def open_network(shop: Workshop, candidate: Candidate) -> Forward:
    """A torch candidate: image (1, 3, H, W) → raw outputs, as numpy."""
    return through(shop.network(candidate), shop.device)


def through(network: nn.Module, device: str) -> Forward:
    """A network on `device` as a graph in a runtime is: numpy in, numpy out."""
    import torch

    def forward(image: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [out.float().cpu().numpy() for out in network(torch.from_numpy(image).to(device))]

    return forward


def backward(shop: Workshop, candidate: Candidate) -> Callable[[], object]:
    """One forward and backward at batch 1: the gradient of ½‖outputs‖² for all parameters, no step."""
    made = shop.rebuilt(candidate)
    return gradient(made.network, shop.example(made.build))


def gradient(network: nn.Module, image: torch.Tensor) -> Callable[[], object]:
    """The same for a network and images (B, 3, H, W) on its device; synchronised.

    Batch norms stay in eval: at batch 1 a 1x1 map has no statistics of its own.
    """
    import torch

    network.eval()

    def both() -> None:
        descend(network, network, image)
        if image.is_cuda:
            torch.cuda.synchronize()

    return both


def descend(network: nn.Module, run: Callable[[torch.Tensor], Iterable[torch.Tensor]], image: torch.Tensor) -> None:
    """Gradients of ½‖outputs‖² for all parameters of `network`, which `run` calls; not synchronised."""
    network.zero_grad(set_to_none=True)
    loss = sum(out.float().square().sum() / 2 for out in run(image))
    loss.backward()  # type: ignore[union-attr]


@contextmanager
def torch_on(threads: int) -> Iterator[None]:
    """torch on so many threads, as the runtimes beside it; afterwards on as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def float_graph(shop: Workshop, candidate: Candidate) -> Path:
    """The float graph of a candidate: its own file, an engine's source, or one exported beside a torch candidate."""
    if candidate.form == "engine":
        return shop.store.parent(candidate).file
    if candidate.form == "onnx":
        return candidate.file
    path = candidate.folder / "probe" / f"float-opset{shop.target.opset}.onnx"
    return path if path.is_file() else beside(path, lambda new: shop.export(candidate, new, shop.target.opset))


def undressed(shop: Workshop, candidate: Candidate) -> Candidate:
    """The candidate, or where it is a graph made of another graph the first of them."""
    while candidate.form == "onnx" and len(candidate.lineage) > 1:
        parent = shop.store.parent(candidate)
        if parent.form != "onnx":
            break
        candidate = parent
    return candidate


def stand_in(shop: Workshop, candidate: Candidate) -> Path:
    """The graph that is timed for a candidate: where the target is not here the float one, by proxy."""
    return float_graph(shop, candidate if shop.target.here else undressed(shop, candidate))


def runnable(shop: Workshop, candidate: Candidate) -> list[tuple[Path, str]]:
    """What stands for a candidate on the clock, and where: an engine in TensorRT, else its graph in each runtime."""
    if candidate.form == "engine":
        return [(candidate.file, "tensorrt")]
    return [(stand_in(shop, candidate), runtime) for runtime in shop.target.measured]


def int8_graph(shop: Workshop, candidate: Candidate, quantize: Quantize) -> Path:
    """An int8 probe of a torch candidate: what the plan's `quantize` will make of it, calibrated on fewer photos."""
    settings = quantize.model_copy(update={"images": PROBE_IMAGES})
    name = digest([settings.model_dump(mode="json"), settings.version, shop.target.opset, shop.seed])
    path = candidate.folder / "probe" / f"int8-{name[:8]}.onnx"
    source = float_graph(shop, candidate)
    known = precision.read(candidate.folder)
    return path if path.is_file() else beside(path, lambda new: shop.quantize(source, new, settings, known))


def beside(path: Path, make: Callable[[Path], None]) -> Path:
    """Make a file next to its place and rename it: it is there whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".new-{path.name}")
    make(new)
    return new.replace(path)


def telling(graph: Path) -> Path:
    """The file that says on a CPU what a graph gives: one of float16 would be computed in float32 there."""
    beside = graph.with_name(ROUNDED)
    return beside if beside.is_file() else graph
