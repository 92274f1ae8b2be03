"""The processes that train one network together, each on its share of every batch, as one process would."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from itertools import chain
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd import Function
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

PATIENCE = timedelta(minutes=10)  # that a process waits for another within a training


class Team:
    """One process alone: everything is given back as it is."""

    rank = 0
    size = 1

    def wrap(self, learner: nn.Module) -> nn.Module:
        """The learner, from now on with process 0's weights and with the whole batch's gradients."""
        return learner

    def agreed(self, found: Any) -> Any:
        """What process 0 has found."""
        return found

    def meet(self, truths: Any, images: int) -> tuple[Any, int]:
        """The truths of the whole batch, and how many images it has; to be called before each forward."""
        return truths, images

    def whole(self, outputs: Any) -> Any:
        """Outputs (own images, …) → (all images, …), in the batch's order; gradients go to the own."""
        return outputs

    def alike(self) -> AbstractContextManager[Any]:
        """Inside, batch norms and dropouts do to the own images what they would do within the whole batch."""
        return nullcontext()


class Many(Team):
    """One of the processes of torch's default group. Every method is called by all of them at the same time.

    A process without an image of its own (more processes than images) is given any one of the batch's, to keep
    step, and no truths: it counts for nothing.
    """

    def __init__(self) -> None:
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()
        self.counts = [0] * self.size  # images of each process in the batch at work

    def wrap(self, learner: nn.Module) -> nn.Module:
        """The learner in torch's DistributedDataParallel, which averages gradients over processes."""
        return DistributedDataParallel(learner)

    def agreed(self, found: Any) -> Any:
        """What process 0 has found."""
        box = [found]
        distributed.broadcast_object_list(box)
        return box[0]

    def meet(self, truths: Any, images: int) -> tuple[Any, int]:
        """The truths of the whole batch, and how many images it has."""
        found: list[Any] = [None] * self.size
        distributed.all_gather_object(found, truths)
        self.counts = [len(one) for one in found]
        return tuple(chain(*found)), sum(self.counts)

    def whole(self, outputs: Any) -> Any:
        """Tensors, and lists, tuples and dicts of them, of the whole batch."""
        if isinstance(outputs, Tensor):
            return self.joined(outputs)
        if isinstance(outputs, dict):
            return {name: self.whole(one) for name, one in outputs.items()}
        return type(outputs)([self.whole(one) for one in outputs])

    def joined(self, own: Tensor) -> Tensor:
        """(own images, …) → (all images, …); exact, as it travels in float32 or wider."""
        mine = own[: self.counts[self.rank]]
        sent = mine.new_zeros(max(self.counts), *own.shape[1:], dtype=wide(own.dtype))
        sent[: len(mine)] = mine.detach()
        found = [torch.empty_like(sent) for _ in self.counts]
        distributed.all_gather(found, sent)
        parts = [one[:count].to(own.dtype) for one, count in zip(found, self.counts, strict=True)]
        return torch.cat([*parts[: self.rank], mine, *parts[self.rank + 1 :]])

    def alike(self) -> AbstractContextManager[Any]:
        """See `Alike`."""
        return Alike(self)


class Alike(TorchFunctionMode):
    """Inside, F.batch_norm in training and F.dropout work as in the whole batch.

    torch's SyncBatchNorm refuses tensors on a CPU, and would be another layer to everything that asks for one.
    """

    def __init__(self, team: Many):
        super().__init__()
        self.team = team

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return self.norm(*args, **kwargs)
        if func is F.dropout:
            return self.drop(*args, **kwargs)
        return func(*args, **kwargs)

    def norm(  # noqa: PLR0913 - F.batch_norm's arguments
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """F.batch_norm (Ioffe 2015) with the mean and variance of the whole batch."""
        if not training:
            return F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
        mean, variance, count = self.moments(x)
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                running_mean.lerp_(mean.to(running_mean.dtype), momentum)
                running_var.lerp_((variance * (count / max(count - 1, 1))).to(running_var.dtype), momentum)
        scale = (variance + eps).rsqrt() if weight is None else weight * (variance + eps).rsqrt()
        shift = -mean * scale if bias is None else bias - mean * scale
        sides = [1, -1, *[1] * (x.ndim - 2)]
        return (x * scale.reshape(sides) + shift.reshape(sides)).to(x.dtype)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor, int]:
        """Mean and variance (C,) of each channel of the whole batch, and of how many values (Chan 1979)."""
        counts, rank = self.team.counts, self.team.rank
        each = x.numel() // x.shape[1] // max(counts[rank], 1)  # values of one image
        own = (x if counts[rank] else x[:0]).to(wide(x.dtype))
        over = [0, *range(2, x.ndim)]
        mean = own.sum(over) / max(counts[rank] * each, 1)
        variance = (own - mean.reshape(1, -1, *[1] * (x.ndim - 2))).square().sum(over) / max(counts[rank] * each, 1)
        place = F.one_hot(torch.tensor(rank), len(counts)).to(mean)
        means, variances = Summed.apply(torch.outer(place, torch.cat([mean, variance]))).chunk(2, 1)
        share = (torch.tensor(counts) / sum(counts)).to(mean)
        centre = share @ means
        return centre, share @ (variances + (means - centre).square()), sum(counts) * each

    def drop(self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """F.dropout with the whole batch's mask, of which each process takes its rows: generators stay alike."""
        if not training:
            return x
        counts, rank = self.team.counts, self.team.rank
        each = len(x) // max(counts[rank], 1)
        last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)  # a mask is drawn in memory's order
        ones = x.new_ones(sum(counts) * each, *x.shape[1:])
        mask = F.dropout(ones.contiguous(memory_format=torch.channels_last) if last else ones, p)
        start = min(sum(counts[:rank]) * each, len(mask) - len(x))
        own = mask[start : start + len(x)]
        return x.mul_(own) if inplace else x * own


class Summed(Function):
    """The sum of a tensor over all processes; so is its gradient."""

    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        """Of the same shape."""
        return total(own)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        """Of the same shape."""
        return total(gradient)


def total(own: Tensor) -> Tensor:
    """The sum over all processes, the same bytes in each."""
    found = own.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(found)
    return found


def extremes(values: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the greatest of the values, of all processes where several train together."""
    low, high = values.min().float(), values.max().float()
    if not (distributed.is_available() and distributed.is_initialized()):
        return low, high
    both = torch.stack([-low, high])
    distributed.all_reduce(both, distributed.ReduceOp.MAX)
    return -both[0], both[1]


def wide(dtype: torch.dtype) -> torch.dtype:
    """float32, or the type itself where it holds more."""
    return torch.promote_types(dtype, torch.float32)


@contextmanager
def group(store: Any, rank: int, size: int, device: str) -> Iterator[Many]:
    """The processes of one training, once all of them are here; afterwards there is no group."""
    backend = "nccl" if device == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Grad strides do not match")  # of 1x1 kernels; costs one copy
            yield Many()
        distributed.barrier()  # nobody leaves while another still listens
    finally:
        gc.collect()  # what still holds the group, such as a wrapped network
        distributed.destroy_process_group()
