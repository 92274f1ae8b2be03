"""One layer as a chain of thinner ones that compute nearly the same: Tucker-2, CP, truncated SVD."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import tensorly
import torch
from tensorly.decomposition import parafac, partial_tucker
from torch import Tensor, nn

from mfast_edge.stages.evbmf import LARGE

Thick = nn.Conv2d | nn.Linear
SWEEPS = 30  # alternating least squares; CP's error falls little after them


def decomposed(layer: Thick, kind: str, ranks: Sequence[int]) -> nn.Sequential:
    """`layer` as a chain of the given kind and ranks; weights by decomposition, the bias in the last link."""
    chain = blank(layer, kind, ranks)
    with torch.no_grad(), tensorly.backend_context("pytorch"):
        weights = {"tucker2": tucker2, "cp": cp, "svd": svd}[kind](layer.weight.detach().double(), ranks)
        for link, weight in zip(chain.parameters(), weights, strict=False):  # the bias, if any, comes last
            link.copy_(weight.reshape(link.shape))
        if layer.bias is not None:
            chain.get_parameter(f"{len(chain) - 1}.bias").copy_(layer.bias)
    return chain.to(layer.weight.device)


def blank(layer: Thick, kind: str, ranks: Sequence[int]) -> nn.Sequential:
    """The same chain with random weights: what a clock needs.

    tucker2 (out, in): 1x1 down, the kernel, 1x1 up (Kim 2016); a 1x1 that would not shrink is left out.
    cp (rank,): 1x1 down, the kernel channel by channel, 1x1 up: the CP of (out, in, cells of the kernel), which
    ends in a depthwise convolution that runtimes have, not in Lebedev's two one-sided ones. svd (rank,): two linears.
    """
    bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        (rank,) = ranks
        return nn.Sequential(
            nn.Linear(layer.in_features, rank, bias=False), nn.Linear(rank, layer.out_features, bias=bias)
        )
    assert layer.groups == 1
    up, down = ranks[0], ranks[-1]
    whole = up == layer.out_channels and kind == "tucker2"
    links = (
        [] if down == layer.in_channels and kind == "tucker2" else [nn.Conv2d(layer.in_channels, down, 1, bias=False)]
    )
    groups = down if kind == "cp" else 1
    links.append(kernel(layer, (down, up), groups, bias and whole))
    if not whole:
        links.append(nn.Conv2d(up, layer.out_channels, 1, bias=bias))
    return nn.Sequential(*links)


def kernel(layer: nn.Conv2d, channels: tuple[int, int], groups: int, bias: bool) -> nn.Conv2d:
    """The link that moves over the map as `layer` does."""
    how = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    return nn.Conv2d(*channels, *how, groups, bias)  # type: ignore[arg-type]


def tucker2(weight: Tensor, ranks: Sequence[int]) -> list[Tensor]:
    """Links for (out, in, k, k): the factor of the inputs, the core, the factor of the outputs."""
    modes = [mode for mode in (0, 1) if ranks[mode] < weight.shape[mode]]
    (core, factors), _ = partial_tucker(weight, [ranks[mode] for mode in modes], modes)
    found = dict(zip(modes, factors, strict=True))
    links = [found[1].T] if 1 in found else []
    links.append(core)
    return [*links, found[0]] if 0 in found else links


def cp(weight: Tensor, ranks: Sequence[int]) -> list[Tensor]:
    """Links for (out, in, k, k): the inputs' factor, the cells', the outputs'."""
    with warnings.catch_warnings():  # a kernel has fewer cells than terms: their columns are drawn, by a fixed seed
        warnings.filterwarnings("ignore", "Trying to compute SVD with n_eigenvecs")
        found = parafac(weight.flatten(2), ranks[0], n_iter_max=SWEEPS, normalize_factors=True, random_state=0)
    outputs, inputs, cells = found.factors
    size = found.weights.clamp(min=0) ** (1 / 3)  # spread over the three links: none is much larger than another
    return [(inputs * size).T, (cells * size).T, outputs * size]


def svd(weight: Tensor, ranks: Sequence[int]) -> list[Tensor]:
    """Links for (out, in): the best of this rank (Eckart and Young 1936)."""
    if weight.numel() >= LARGE:
        return projected(weight, ranks[0])
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    size = values[: ranks[0]].sqrt()
    return [size[:, None] * right[: ranks[0]], left[:, : ranks[0]] * size]


def projected(weight: Tensor, rank: int) -> list[Tensor]:
    """The same of a large matrix, by the eigenvectors of its smaller side's products (see evbmf.singular)."""
    if weight.shape[0] > weight.shape[1]:
        first, last = projected(weight.T, rank)
        return [last.T, first.T]
    left = torch.linalg.eigh(weight @ weight.T)[1].flip(1)[:, :rank]
    right = left.T @ weight
    size = right.norm(dim=1).clamp(min=1e-30).sqrt()
    return [right / size[:, None], left * size]
