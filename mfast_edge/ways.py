"""Ways to call a network in torch: eager, channels-last, compiled, as a CUDA graph; in 32 or 16 bits; norms folded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from os import environ
from shutil import which
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mfast_edge.errors import Unfinished, UserError
from mfast_edge.runners import descend

MODES = ("eager", "channels-last", "compile", "cuda-graphs")
PRECISIONS = ("float32", "tf32", "bfloat16", "float16")
HERE = {"cpu": (MODES[:3], ("float32", "bfloat16")), "cuda": (MODES, PRECISIONS)}
SHORT = {"bfloat16": torch.bfloat16, "float16": torch.float16}
WARM = 3  # calls before a CUDA graph is captured, on a stream of their own
LIMIT = 256  # networks of one class: after torch's own 8 the next would be called uncompiled
COMPILERS = ("g++", "clang++", "c++")

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Way:
    """How a network is called. 16 bits: the forward with weights cast once, forward and backward under autocast.

    `fused`: batch norms folded into convolutions beforehand.
    """

    mode: str
    precision: str
    fused: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The calls of a way by their part, forward and forward_backward, warm and synchronised; why one is missing."""

    calls: dict[str, Call] = field(default_factory=dict)
    remark: str = ""
    memory: float | None = None  # MB that the forward takes on a GPU, with its weights; not told of CUDA graphs


def ways(device: str, modes: Sequence[str] = (), precisions: Sequence[str] = ()) -> list[Way]:
    """All ways on `device`, or those of these modes and precisions; UserError where it has no such.

    Not folded are only the uncompiled ones, and a CPU compiles only float32: a minute each.
    """
    known = HERE[device]
    for option, asked, have in (("--modes", modes, known[0]), ("--precisions", precisions, known[1])):
        if strange := [one for one in asked if one not in have]:
            raise UserError(f"{option}: {strange[0]!r} given for {device}; any of {', '.join(have)} would be right")
    found = [
        Way(mode, precision, fused)
        for mode in modes or known[0]
        for precision in precisions or known[1]
        for fused in ((False, True) if mode in MODES[:2] else (True,))
    ]
    return [way for way in found if device != "cpu" or way.mode != "compile" or way.precision == "float32"]


def prepare(network: nn.Module, image: Tensor, way: Way) -> Ready:
    """The calls of `network` (folded already where the way says so) on `image` (B, 3, H, W), both on one device.

    What torch cannot compile, capture or hold becomes a remark.
    """
    if why := lack(way, image.device.type):
        return Ready(remark=why)
    calls: dict[str, Call] = {}
    remarks: list[str] = []
    before, grown = allocated(image), None
    for part, make in (("forward", forward), ("forward_backward", both)):
        try:
            call = make(deepcopy(network).eval(), image, way)
            call()
        except RuntimeError as refused:  # the root of what torch says of compilers, kernels and memory
            said = [line for line in str(refused).splitlines() if line.strip()] or [type(refused).__name__]
            remarks.append(f"{part.replace('_', '-')}: {said[0][:200]}")
        else:
            calls[part] = call
            if part == "forward" and image.is_cuda and way.mode != "cuda-graphs":
                grown = peak(call) - before
    return Ready(calls, "; ".join(remarks), grown)


def allocated(image: Tensor) -> float:
    """MB that tensors hold on the image's GPU; 0 on a CPU."""
    return torch.cuda.memory_allocated(image.device) / 1e6 if image.is_cuda else 0.0


def peak(call: Call) -> float:
    """MB that tensors hold on the GPU at the most while it is called."""
    torch.cuda.reset_peak_memory_stats()
    call()
    return torch.cuda.max_memory_allocated() / 1e6


def lack(way: Way, device: str) -> str:
    """What a way misses here; empty where nothing."""
    if way.mode == "compile" and device == "cpu":
        asked = environ.get("CXX")
        if not any(which(one) for one in ((asked,) if asked else COMPILERS)):
            return "not compiled: no C++ compiler on this machine"
    if way.mode == "compile" and device == "cuda" and find_spec("triton") is None:
        return "not compiled: triton is not on this machine"
    return ""


def forward(network: nn.Module, image: Tensor, way: Way) -> Call:
    """The forward; nothing is copied to or from the device."""
    if kind := SHORT.get(way.precision):
        network, image = narrowed(network, image, kind), image.to(kind)
    network, image = placed(network, image, way)
    run = compiled(network) if way.mode == "compile" else network

    def body() -> None:
        settle(way, image)
        # Tensors of inference mode cannot be saved for backward, nothing else; what is captured is as documented.
        with torch.no_grad() if way.mode == "cuda-graphs" else torch.inference_mode():
            run(image)

    return finished(body, image, way)


def both(network: nn.Module, image: Tensor, way: Way) -> Call:
    """The forward and the gradient of ½‖outputs‖² for all parameters; no step, norms in eval."""
    network, image = placed(network, image, way)
    run = compiled(network) if way.mode == "compile" else network
    short = SHORT.get(way.precision)

    def outputs(images: Tensor) -> Any:
        # A cache of cast weights would outlive the memory that a graph owns.
        cast = torch.autocast(images.device.type, short, cache_enabled=way.mode != "cuda-graphs")
        with cast if short else nullcontext():
            return run(images)

    def body() -> None:
        settle(way, image)
        descend(network, outputs, image)

    return finished(body, image, way)


def finished(body: Call, image: Tensor, way: Way) -> Call:
    """A call that ends when the device has: a CUDA graph's replay, or `body` itself."""
    if way.mode == "cuda-graphs":
        return captured(body)
    if not image.is_cuda:
        return body

    def call() -> None:
        body()
        torch.cuda.synchronize()

    return call


def captured(body: Call) -> Call:
    """`body` as one CUDA graph; it must use the same tensors each time."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM):
            body()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        body()
    return partial(replay, graph, body)  # body holds the weights and images that the graph reads


def replay(graph: Any, body: Call) -> None:
    """A captured graph, once."""
    graph.replay()
    torch.cuda.synchronize()


def compiled(network: nn.Module) -> Any:
    """The network for torch.compile's default backend, for these sizes only; its chatter is not ours to fix."""
    torch._dynamo.config.recompile_limit = LIMIT
    run = torch.compile(network, dynamic=False, fullgraph=True)

    def quiet(image: Tensor) -> Any:
        if warm:
            return run(image)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = run(image)
        warm.append(True)
        return found

    warm: list[bool] = []
    return quiet


def narrowed(network: nn.Module, image: Tensor, kind: torch.dtype) -> nn.Module:
    """The network with weights of `kind`; a layer that is given another type on the way casts what it is given."""
    network = network.to(kind)
    wider: list[nn.Module] = []

    def watch(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if inputs[0].dtype != kind:
            wider.append(layer)
        return (inputs[0].to(kind),)

    layers = [one for one in network.modules() if isinstance(one, (nn.Conv2d, nn.Linear, nn.BatchNorm2d))]
    hooks = [layer.register_forward_pre_hook(watch) for layer in layers]
    with torch.no_grad():
        network(image.to(kind))
    for hook in hooks:
        hook.remove()
    for layer in dict.fromkeys(wider):
        layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(kind),))
    return network


def placed(network: nn.Module, image: Tensor, way: Way) -> tuple[nn.Module, Tensor]:
    """Weights and images in the memory layout of the way."""
    if way.mode != "channels-last":
        return network, image
    return network.to(memory_format=torch.channels_last), image.contiguous(memory_format=torch.channels_last)


def settle(way: Way, image: Tensor) -> None:
    """Whether CUDA may round float32 products to TF32; torch's own choice is no in matmul and yes in cuDNN.

    By the older of torch's two switches: torch 2.15's compiler still reads it, and refuses once the newer is set.
    """
    if image.is_cuda:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = way.precision == "tf32"


def folded(network: nn.Module, image: Tensor) -> tuple[nn.Module, int, int]:
    """A copy with every batch norm that takes just a convolution's output folded into it; folded ones, all norms.

    Found by calling it on `image`. Unfinished where the outputs change.
    """
    copy = deepcopy(network).eval()
    norms = [module for module in copy.modules() if isinstance(module, nn.BatchNorm2d)]
    pairs = feeding(copy, image)
    for conv, norm in pairs.items():
        copy.set_submodule(conv, fuse_conv_bn_eval(copy.get_submodule(conv), copy.get_submodule(norm)))  # type: ignore[type-var, arg-type]
        copy.set_submodule(norm, nn.Identity())
    with torch.inference_mode():
        for was, now in zip(network.eval()(image), copy(image), strict=True):
            if (was - now).abs().max() > 1e-3 * max(1.0, float(was.abs().max())):
                raise Unfinished(
                    "batch norms cannot be folded, the outputs change; the network as it is would be right"
                )
    return copy, len(pairs), len(norms)


def feeding(network: nn.Module, image: Tensor) -> dict[str, str]:
    """{path of a convolution: path of the batch norm that takes its output}, of those called once each."""
    made: dict[int, str] = {}
    held: list[Tensor] = []  # so that no two outputs have the same address
    pairs: list[tuple[str, str]] = []

    def note(path: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(module, nn.Conv2d):
                made[id(output)] = path
                held.append(output)
            elif id(inputs[0]) in made:
                pairs.append((made[id(inputs[0])], path))

        return hook

    leaves = [(path, one) for path, one in network.named_modules() if isinstance(one, (nn.Conv2d, nn.BatchNorm2d))]
    hooks = [one.register_forward_hook(note(path)) for path, one in leaves]
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    called = list(made.values())
    return {conv: norm for conv, norm in pairs if called.count(conv) == 1 and [n for _, n in pairs].count(norm) == 1}
