"""The modules of the grammar by name."""

from mfast_edge.networks import composed, plain
from mfast_edge.networks.module import Module

KINDS: dict[str, type[Module]] = {
    kind.__name__: kind
    for kind in (
        plain.Conv,
        plain.DWConv,
        plain.FixedConv,
        plain.Linear,
        plain.MaxPool,
        plain.AvgPool,
        plain.GlobalAvgPool,
        plain.Flatten,
        plain.Dropout,
        plain.Identity,
        plain.UpSample,
        plain.Add,
        plain.Concat,
        plain.Focus,
        plain.ECA,
        plain.YamlModule,
        composed.Bottleneck,
        composed.InvertedResidualv2,
        composed.InvertedResidualv3,
        composed.ECAInvertedResidualv2,
        composed.ECAInvertedResidualv3,
        composed.MBConv,
        composed.MBConvv2,
        composed.MV2Block,
        composed.ShuffleNetV2,
        composed.ResBlock,
        composed.ResBottleneck,
        composed.Fire,
        composed.GhostBottleneck,
        composed.SPP,
        composed.SPPF,
        composed.C3,
        composed.BottleneckCSP,
    )
}
