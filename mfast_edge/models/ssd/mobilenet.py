"""An SSD on MobileNet v1, described; torch is loaded by what needs it, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.models.ssd.build import Build, anchored, facts, maps, shapes
from mfast_edge.models.ssd.labels import labels

if TYPE_CHECKING:
    from torch import Tensor

    from mfast_edge.models.ssd.network import SSD


@dataclass(frozen=True, slots=True)
class MobileNet:
    """What an SSD on MobileNet v1 has of its own (detector.Body): `taps` are backbone blocks, `extras`
    (reduced, expanded) channels at width 1."""

    taps: tuple[int, ...]
    extras: tuple[tuple[int, int], ...]
    stride: int  # of the first map

    def table(self, build: Build) -> list[list[list[float]]]:
        """Anchor (height, width) of every level. ValueError: the build names another number of levels."""
        return anchored(build, shapes(build.scale_low, build.scale_high, len(self.taps) + len(self.extras)))

    def facts(self, build: Build) -> dict[str, Any]:
        """What decode must know, as JSON."""
        table = self.table(build)
        return facts(build, maps(build.size, len(table), self.stride), table)

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """The width multiplier of published weights, by their first convolution; else nothing."""
        first = shapes.get("backbone.conv0.weight") or shapes.get("backbone.conv0.conv.weight")
        return {"width": first[0] / 32} if first else {}

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """The classes that weights of these shapes find."""
        return labels(shapes)

    def network(self, build: Build) -> SSD:
        """A fresh network in float32."""
        from mfast_edge.models.ssd.assemble import mobilenet

        return mobilenet(build, self.table(build), self.taps, self.extras)

    def load(self, network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.ssd.weights import load

        return load(network, file, tensors)
