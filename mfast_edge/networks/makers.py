"""The grammar's modules in torch, one function for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torchvision.ops import SqueezeExcitation

from mfast_edge.networks import composed, plain
from mfast_edge.networks.grammar import Link
from mfast_edge.networks.layers import (
    Attention,
    Behind,
    Beside,
    ConvNorm,
    FullyConnected,
    Join,
    Pyramid,
    Residual,
    Shuffle,
    Sum,
    Window,
    activation,
)
from mfast_edge.networks.shape import divisible

QUARTER = 4  # squeeze and excite reads that part of the channels
Made = Callable[[Any, Link], nn.Module]


def thin(inside: int, outside: int, act: str | None, norm: bool = True) -> ConvNorm:
    """A 1x1 block."""
    return ConvNorm(inside, outside, Window(1), act, norm)


def window(link: Link, kernel: int, stride: int = 1, groups: int = 1) -> Window:
    """How a block's convolution moves over the map that the module reads."""
    return Window(kernel, stride, groups, link.inside[0].side, same=link.same)


def conv(it: plain.Conv, link: Link) -> nn.Module:
    """Conv and FixedConv."""
    side = link.inside[0].side
    moved = Window(it.kernel, it.stride, it.groups, side, it.pad, link.same)
    return ConvNorm(link.inside[0].channels, it.out, moved, it.activation, it.norm)


def depthwise(it: plain.DWConv, link: Link) -> nn.Module:
    """A depthwise block, and a 1x1 one where channels change."""
    there = link.inside[0]
    moved = Window(it.kernel, it.stride, there.channels, there.side, it.pad, link.same)
    first = ConvNorm(there.channels, there.channels, moved, it.activation)
    return first if there.channels == it.out else nn.Sequential(first, thin(there.channels, it.out, it.activation))


def focus(it: plain.Focus, link: Link) -> nn.Module:
    """One convolution of twice the kernel with stride 2."""
    moved = Window(2 * it.kernel, 2, pad=it.kernel // 2 * 2)
    return ConvNorm(link.inside[0].channels, it.out, moved, it.activation)


def bottleneck(it: composed.Bottleneck, link: Link) -> nn.Module:
    """1x1, 3x3."""
    inside, hidden = link.inside[0].channels, divisible(it.out * it.expansion)
    last = ConvNorm(hidden, it.out, window(link, 3, groups=it.groups), it.activation)
    body = nn.Sequential(thin(inside, hidden, it.activation), last)
    return Residual(body) if it.shortcut and inside == it.out else body


def inverted2(it: composed.InvertedResidualv2, link: Link) -> nn.Module:
    """MobileNet v2's block; nothing is expanded at expansion 1."""
    inside = link.inside[0].channels
    wide = divisible(inside * it.expand) if it.expand > 1 else inside
    steps: list[nn.Module] = [thin(inside, wide, "ReLU6")] if it.expand > 1 else []
    steps.append(ConvNorm(wide, wide, window(link, 3, it.stride, wide), "ReLU6"))
    if isinstance(it, composed.ECAInvertedResidualv2):
        steps.append(Attention(wide, None))
    return added(nn.Sequential(*steps, thin(wide, it.out, None)), link)


def mv2(it: composed.MV2Block, link: Link) -> nn.Module:
    """The same with any activation."""
    inside, act = link.inside[0].channels, it.activation
    wide = divisible(inside * it.expand) if it.expand > 1 else inside
    steps: list[nn.Module] = [thin(inside, wide, act)] if it.expand > 1 else []
    steps.append(ConvNorm(wide, wide, window(link, 3, it.stride, wide), act))
    return added(nn.Sequential(*steps, thin(wide, it.out, None)), link)


def inverted3(it: composed.InvertedResidualv3, link: Link) -> nn.Module:
    """MobileNet v3's block (Howard 2019, figure 4); nothing is expanded where the expansion changes no width."""
    inside, act = link.inside[0].channels, "HardSwish" if it.hs else "ReLU"
    wide = divisible(inside * it.expand)
    steps: list[nn.Module] = [thin(inside, wide, act)] if wide != inside else []
    steps.append(ConvNorm(wide, wide, window(link, it.kernel, it.stride, wide), act))
    if it.se and isinstance(it, composed.ECAInvertedResidualv3):
        steps.append(Attention(wide, None))
    elif it.se:
        steps.append(SqueezeExcitation(wide, divisible(wide // QUARTER), scale_activation=nn.Hardsigmoid))
    return added(nn.Sequential(*steps, thin(wide, it.out, None)), link)


def mbconv(it: composed.MBConv, link: Link) -> nn.Module:
    """EfficientNet's block; the squeeze is a quarter of what comes in."""
    inside = link.inside[0].channels
    wide = divisible(inside * it.expand)
    steps: list[nn.Module] = [thin(inside, wide, "SiLU")] if wide != inside else []
    steps.append(ConvNorm(wide, wide, window(link, it.kernel, it.stride, wide), "SiLU"))
    steps.append(SqueezeExcitation(wide, max(1, inside // QUARTER), activation=nn.SiLU))
    return added(nn.Sequential(*steps, thin(wide, it.out, None)), link)


def mbconv2(it: composed.MBConvv2, link: Link) -> nn.Module:
    """EfficientNet v2's block; the squeeze is a quarter of what comes in, rounded to 8."""
    inside = link.inside[0].channels
    wide = divisible(inside * it.expand)
    steps: list[nn.Module] = [ConvNorm(inside, wide, window(link, 3, it.stride), "SiLU")]
    if it.se:
        steps = [thin(inside, wide, "SiLU"), ConvNorm(wide, wide, window(link, 3, it.stride, wide), "SiLU")]
        steps.append(SqueezeExcitation(wide, divisible(inside / QUARTER), activation=nn.SiLU))
    return added(nn.Sequential(*steps, thin(wide, it.out, None)), link)


def added(body: nn.Module, link: Link) -> nn.Module:
    """The body, and what came added where the shape stays."""
    return Residual(body) if link.inside[0] == link.outside else body


def shuffle(it: composed.ShuffleNetV2, link: Link) -> nn.Module:
    """ShuffleNet v2's unit (Ma 2018, figure 3 c and d)."""
    inside, half = link.inside[0].channels, link.outside.channels // 2
    halving = it.stride > 1
    given = inside if halving else half

    def moved(channels: int) -> ConvNorm:
        return ConvNorm(channels, channels, window(link, 3, it.stride, channels), None)

    by = nn.Sequential(moved(given), thin(given, half, "ReLU")) if halving else None
    return Shuffle(by, nn.Sequential(thin(given, half, "ReLU"), moved(half), thin(half, half, "ReLU")))


def res(it: composed.ResBlock, link: Link) -> nn.Module:
    """Two 3x3 blocks and a sum."""
    inside, there = link.inside[0].channels, link.outside.side
    body = nn.Sequential(
        ConvNorm(inside, it.out, window(link, 3, it.stride), it.activation),
        ConvNorm(it.out, it.out, Window(3, side=there), None),
    )
    return Residual(body, projected(it.stride, link), it.activation)


def neck(it: composed.ResBottleneck, link: Link) -> nn.Module:
    """1x1, 3x3 and 1x1 blocks and a sum; the 3x3 one has the stride, as torchvision's."""
    inside, hidden = link.inside[0].channels, divisible(it.out / it.expansion)
    body = nn.Sequential(
        thin(inside, hidden, it.activation),
        ConvNorm(hidden, hidden, window(link, 3, it.stride), it.activation),
        thin(hidden, it.out, None),
    )
    return Residual(body, projected(it.stride, link), it.activation)


def projected(stride: int, link: Link) -> nn.Module | None:
    """The shortcut's 1x1 block, where the shape changes."""
    inside, outside = link.inside[0], link.outside
    return None if inside == outside else ConvNorm(inside.channels, outside.channels, Window(1, stride), None)


def fire(it: composed.Fire, link: Link) -> nn.Module:
    """A squeeze, and two expansions of it."""
    one = thin(it.squeeze, it.one, "ReLU", it.norm)
    three = ConvNorm(it.squeeze, it.three, window(link, 3), "ReLU", it.norm)
    return nn.Sequential(thin(link.inside[0].channels, it.squeeze, "ReLU", it.norm), Beside(one, three))


def ghost(it: composed.GhostBottleneck, link: Link) -> nn.Module:
    """Two ghost modules, between them a depthwise convolution where there is a stride."""
    there = link.inside[0]
    steps: list[nn.Module] = [ghosts(there.channels, it.inside, "ReLU", there.side)]
    if it.stride > 1:
        steps.append(ConvNorm(it.inside, it.inside, window(link, it.kernel, it.stride, it.inside), None))
    if it.se:
        steps.append(SqueezeExcitation(it.inside, divisible(it.inside // QUARTER), scale_activation=nn.Hardsigmoid))
    body = nn.Sequential(*steps, ghosts(it.inside, it.out, None, link.outside.side))
    if there == link.outside:
        return Residual(body)
    moved = ConvNorm(there.channels, there.channels, window(link, it.kernel, it.stride, there.channels), None)
    return Residual(body, nn.Sequential(moved, thin(there.channels, it.out, None)))


def ghosts(inside: int, outside: int, act: str | None, side: int) -> nn.Module:
    """A ghost module (Han 2020, section 3.1): half the channels by a 1x1 convolution, the others cheaply from these."""
    half = outside // 2
    cheap = ConvNorm(half, half, Window(3, groups=half, side=side), act)
    return Behind(thin(inside, half, act), cheap)


def pyramid(it: composed.SPP | composed.SPPF, link: Link) -> nn.Module:
    """SPP and SPPF."""
    inside = link.inside[0].channels
    hidden, after = divisible(inside / 2), isinstance(it, composed.SPPF)
    kernels = (it.kernel,) * 3 if isinstance(it, composed.SPPF) else it.kernels
    last = thin(hidden * (len(kernels) + 1), it.out, it.activation)
    return Pyramid(thin(inside, hidden, it.activation), last, kernels, after)


def c3(it: composed.C3, link: Link) -> nn.Module:
    """Bottlenecks beside a 1x1 convolution, joined by another."""
    inside, hidden, act = link.inside[0].channels, divisible(it.out * it.expansion), it.activation
    way = nn.Sequential(thin(inside, hidden, act), *necks(it, link, hidden))
    return nn.Sequential(Beside(way, thin(inside, hidden, act)), thin(2 * hidden, it.out, act))


def csp(it: composed.BottleneckCSP, link: Link) -> nn.Module:
    """Bottlenecks and a bare 1x1 convolution beside another bare one; a norm over both, joined by one more."""
    inside, hidden, act = link.inside[0].channels, divisible(it.out * it.expansion), it.activation
    way = nn.Sequential(thin(inside, hidden, act), *necks(it, link, hidden), nn.Conv2d(hidden, hidden, 1, bias=False))
    both = Beside(way, nn.Conv2d(inside, hidden, 1, bias=False))
    return nn.Sequential(both, nn.BatchNorm2d(2 * hidden), activation(act), thin(2 * hidden, it.out, act))


def necks(it: composed.C3, link: Link, hidden: int) -> list[nn.Module]:
    """The bottlenecks inside, none thinner."""
    found = list[nn.Module]()
    for _ in range(it.blocks):
        wide = ConvNorm(hidden, hidden, window(link, 3, groups=it.groups), it.activation)
        body = nn.Sequential(thin(hidden, hidden, it.activation), wide)
        found.append(Residual(body) if it.shortcut else body)
    return found


def pool(it: plain.MaxPool, link: Link) -> nn.Module:
    """MaxPool and AvgPool."""
    kind = nn.AvgPool2d if isinstance(it, plain.AvgPool) else nn.MaxPool2d
    return kind(it.kernel, it.stride or it.kernel, it.pad)


MAKERS: dict[type, Made] = {
    plain.Conv: conv,
    plain.FixedConv: conv,
    plain.DWConv: depthwise,
    plain.Linear: lambda it, link: FullyConnected(link.inside[0].channels, it.out, it.activation),
    plain.MaxPool: pool,
    plain.AvgPool: pool,
    plain.GlobalAvgPool: lambda it, link: nn.AdaptiveAvgPool2d(1),
    plain.Flatten: lambda it, link: nn.Flatten(1),
    plain.Dropout: lambda it, link: nn.Dropout(it.p),
    plain.Identity: lambda it, link: nn.Identity(),
    plain.UpSample: lambda it, link: nn.Upsample(scale_factor=it.factor, mode="nearest"),
    plain.Add: lambda it, link: Sum(it.activation),
    plain.Concat: lambda it, link: Join(),
    plain.Focus: focus,
    plain.ECA: lambda it, link: Attention(link.inside[0].channels, it.kernel),
    composed.Bottleneck: bottleneck,
    composed.InvertedResidualv2: inverted2,
    composed.InvertedResidualv3: inverted3,
    composed.ECAInvertedResidualv2: inverted2,
    composed.ECAInvertedResidualv3: inverted3,
    composed.MBConv: mbconv,
    composed.MBConvv2: mbconv2,
    composed.MV2Block: mv2,
    composed.ShuffleNetV2: shuffle,
    composed.ResBlock: res,
    composed.ResBottleneck: neck,
    composed.Fire: fire,
    composed.GhostBottleneck: ghost,
    composed.SPP: pyramid,
    composed.SPPF: pyramid,
    composed.C3: c3,
    composed.BottleneckCSP: csp,
}
