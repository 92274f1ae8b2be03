"""Networks called in every way that torch has here; what is only on a GPU is skipped without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import which
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfast_edge import ways
from mfast_edge.errors import Unfinished, UserError
from mfast_edge.ways import Way, both, feeding, folded, forward, lack, prepare, settle
from tests.export.nets import Net, built

IMAGE = torch.arange(3 * 32 * 32, dtype=torch.float32).reshape(1, 3, 32, 32) % 256
PLAIN = Way("eager", "float32", False)


@pytest.fixture
def network() -> nn.Module:
    return built(Net)


def test_all_norms_are_folded_and_the_outputs_stay(network: nn.Module) -> None:
    smaller, done, norms = folded(network, IMAGE)
    assert (done, norms) == (3, 3)
    assert not [one for one in smaller.modules() if isinstance(one, nn.BatchNorm2d)]
    assert [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    for was, now in zip(network(IMAGE), smaller(IMAGE), strict=True):
        torch.testing.assert_close(was, now, atol=1e-4, rtol=1e-4)


class Shared(nn.Module):
    """One convolution, called twice, each time before the norm; and a norm of its own behind nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm2d(3)
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.norm(self.conv(self.norm(self.conv(self.first(x))))),)


class Leaking(nn.Module):
    """What the convolution gives is used before its norm too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        y = self.conv(x)
        return (y + self.norm(y),)


def test_a_norm_that_follows_no_convolution_of_its_own_stays() -> None:
    network = built(Shared)
    assert feeding(network, IMAGE) == {}
    assert folded(network, IMAGE)[1:] == (0, 2)


def test_a_folding_that_would_change_the_outputs_is_refused() -> None:
    with pytest.raises(Unfinished, match="the outputs change"):
        folded(built(Leaking), IMAGE)


def test_the_ways_of_each_device() -> None:
    cpu, cuda = ways.ways("cpu"), ways.ways("cuda")
    assert {(way.mode, way.precision) for way in cpu} == {
        ("eager", "float32"),
        ("eager", "bfloat16"),
        ("channels-last", "float32"),
        ("channels-last", "bfloat16"),
        ("compile", "float32"),
    }
    assert {(way.mode, way.precision) for way in cuda} == {(m, p) for m in ways.MODES for p in ways.PRECISIONS}
    assert {way.fused for way in cuda if way.mode == "cuda-graphs"} == {True}
    assert [way.fused for way in ways.ways("cuda", ["eager"], ["tf32"])] == [False, True]


@pytest.mark.parametrize(
    ("modes", "precisions", "sentence"),
    [
        (["cuda-graphs"], [], "--modes: 'cuda-graphs' given for cpu"),
        ([], ["tf32"], "--precisions: 'tf32' given for cpu; any of float32, bfloat16"),
    ],
)
def test_what_a_device_has_not_is_refused(modes: list[str], precisions: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        ways.ways("cpu", modes, precisions)


@pytest.mark.parametrize("way", [way for way in ways.ways("cpu") if way.mode != "compile"], ids=str)
def test_every_way_has_both_calls_and_leaves_the_network_alone(network: nn.Module, way: Way) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = prepare(network, IMAGE, way)
    assert (set(found.calls), found.remark, found.memory) == ({"forward", "forward_backward"}, "", None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(tensor.dtype == torch.float32 for tensor in network.parameters())
    assert all(tensor.grad is None for tensor in network.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_backward_reaches_every_parameter_and_is_that_of_half_the_squares(precision: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)).eval()
    call = both(Wrapped(network), IMAGE, Way("eager", precision, False))
    call()
    call()  # gradients are made anew, not added up
    assert all(one.grad is not None for one in network.parameters())
    out = network(IMAGE)
    (right,) = torch.autograd.grad(out.square().sum() / 2, [network[1].bias])  # type: ignore[list-item]
    torch.testing.assert_close(network[1].bias.grad, right, rtol=0.02 if precision == "bfloat16" else 1e-5, atol=1.0)


class Wrapped(nn.Module):
    """A network with one output, as one with several."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.inner(x),)


class Spy(nn.Module):
    """Notes what it is called with."""

    def __init__(self, seen: list[Tensor]) -> None:
        super().__init__()
        self.conv, self.seen = nn.Conv2d(3, 4, 1), seen

    def forward(self, x: Tensor) -> tuple[Tensor]:
        self.seen.append(x)
        return (self.conv(x),)


@pytest.mark.parametrize(
    ("way", "kind", "last"),
    [
        (PLAIN, torch.float32, False),
        (Way("eager", "bfloat16", False), torch.bfloat16, False),
        (Way("channels-last", "float32", False), torch.float32, True),
    ],
    ids=str,
)
def test_the_forward_gets_images_as_the_way_says(way: Way, kind: torch.dtype, last: bool) -> None:
    seen: list[Tensor] = []
    network = Spy(seen)
    forward(network, IMAGE, way)()
    assert seen[0].dtype == kind
    assert seen[0].is_contiguous(memory_format=torch.channels_last) == last
    assert network.conv.weight.dtype == kind


class Widening(nn.Module):
    """Computes in float32 between two convolutions, whatever it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.second(self.first(x).float().sigmoid()),)


def test_a_layer_that_is_given_float32_in_a_16_bit_network_casts_it_and_no_other_does() -> None:
    network = Widening()
    assert prepare(network, IMAGE, Way("eager", "bfloat16", False)).remark == ""
    narrowed = ways.narrowed(network, IMAGE, torch.bfloat16)
    assert narrowed(IMAGE.bfloat16())[0].dtype == torch.bfloat16
    assert [len(one._forward_pre_hooks) for one in (network.first, network.second)] == [0, 1]


class Broken(nn.Module):
    """Runs forward and cannot be differentiated; or does not even run."""

    def __init__(self, sooner: bool) -> None:
        super().__init__()
        self.conv, self.sooner = nn.Conv2d(3, 4, 1), sooner

    def forward(self, x: Tensor) -> tuple[Tensor]:
        if self.sooner or torch.is_grad_enabled():
            raise NotImplementedError("no kernel for this\nand a long story")
        return (self.conv(x),)


@pytest.mark.parametrize(
    ("sooner", "calls", "remark"),
    [
        (False, {"forward"}, "forward-backward: no kernel for this"),
        (True, set(), "forward: no kernel for this; forward-backward: no kernel for this"),
    ],
)
def test_what_torch_refuses_becomes_a_remark(sooner: bool, calls: set[str], remark: str) -> None:
    found = prepare(Broken(sooner), IMAGE, PLAIN)
    assert (set(found.calls), found.remark) == (calls, remark)


def test_without_a_compiler_the_row_says_so(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(ways, "which", lambda name: None)
    found = prepare(network, IMAGE, Way("compile", "float32", True))
    assert (found.calls, found.remark) == ({}, "not compiled: no C++ compiler on this machine")


def test_without_triton_a_gpu_s_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "find_spec", lambda name: None)
    assert lack(Way("compile", "float32", True), "cuda") == "not compiled: triton is not on this machine"
    assert lack(Way("eager", "float32", True), "cuda") == ""


class Stream:
    """A stream of a GPU that is not there: notes who waited for whom."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def wait_stream(self, other: Stream) -> None:
        self.log.append(f"{self.name} waits for {other.name}")


def test_a_graph_is_captured_once_after_warm_calls_on_a_stream_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    main, replays = Stream("main", log), SimpleNamespace(replay=lambda: log.append("replay"))

    @contextmanager
    def within(what: object) -> Iterator[None]:
        log.append("enter side" if isinstance(what, Stream) else "capture")
        yield
        log.append("leave")

    for name, fake in {
        "Stream": lambda: Stream("side", log),
        "current_stream": lambda: main,
        "stream": within,
        "graph": within,
        "CUDAGraph": lambda: replays,
        "synchronize": lambda: log.append("synchronize"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    call = ways.captured(lambda: log.append("body"))
    warm = ["side waits for main", "enter side", *["body"] * ways.WARM, "leave", "main waits for side"]
    assert log == [*warm, "capture", "body", "leave"]
    call()
    assert log[-2:] == ["replay", "synchronize"]


@pytest.fixture
def switches() -> Iterator[tuple[Any, Any]]:
    """torch's two for TF32, put back afterwards."""
    both = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [one.allow_tf32 for one in both]
    yield both
    for one, value in zip(both, before, strict=True):
        one.allow_tf32 = value


@pytest.mark.parametrize(("precision", "allowed"), [("float32", False), ("tf32", True), ("bfloat16", False)])
def test_a_gpu_rounds_to_tf32_only_where_the_way_says_so(
    precision: str, allowed: bool, switches: tuple[Any, Any]
) -> None:
    settle(Way("eager", precision, True), SimpleNamespace(is_cuda=True))  # type: ignore[arg-type]
    assert [one.allow_tf32 for one in switches] == [allowed, allowed]


@pytest.mark.slow
def test_a_compiled_network_gives_what_the_network_gives() -> None:
    if not any(map(which, ways.COMPILERS)):
        pytest.skip("no C++ compiler on this machine")
    network = built(Net)
    run: Callable[[Tensor], tuple[Tensor, ...]] = ways.compiled(network)
    with torch.inference_mode():
        for was, now in zip(network(IMAGE), run(IMAGE), strict=True):
            torch.testing.assert_close(was, now, atol=1e-3, rtol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("way", [way for way in ways.ways("cuda") if way.mode != "compile"], ids=str)
def test_every_way_of_a_gpu_can_be_called(network: nn.Module, way: Way) -> None:
    found = prepare(folded(network.cuda(), IMAGE.cuda())[0] if way.fused else network.cuda(), IMAGE.cuda(), way)
    assert (set(found.calls), found.remark) == ({"forward", "forward_backward"}, "")
    for call in found.calls.values():
        call()
    assert way.mode == "cuda-graphs" or (found.memory or 0) > 0
