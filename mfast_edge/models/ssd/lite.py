"""An SSDLite on a network of inverted residuals, described; torch is loaded by what needs it, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.models.ssd.build import Lite, anchored, facts, maps
from mfast_edge.models.ssd.labels import labels

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mfast_edge.models.ssd.network import SSD

LEVELS, STRIDE = 6, 16  # px, of the first map
EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))  # (reduced, expanded) channels at width 1
Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class SSDLite:
    """What SSDLites differ in (detector.Body): the backbone, the anchors' scheme, what shapes tell of a build."""

    features: Callable[[Any], nn.Sequential]
    scheme: Callable[[float, float, int], list[list[list[float]]]]
    guess: Callable[[Shapes], dict[str, Any]]

    def table(self, build: Lite) -> list[list[list[float]]]:
        """Anchor (height, width) of every level. ValueError: the build names another number of levels."""
        return anchored(build, self.scheme(build.scale_low, build.scale_high, LEVELS))

    def facts(self, build: Lite) -> dict[str, Any]:
        """What decode must know, as JSON."""
        return facts(build, maps(build.size, LEVELS, STRIDE), self.table(build))

    def infer(self, shapes: Shapes) -> dict[str, Any]:
        """Build settings that a file with tensors of these shapes was made with."""
        return self.guess(shapes)

    def labels(self, shapes: Shapes) -> tuple[str, ...]:
        """The classes that weights of these shapes find."""
        return labels(shapes)

    def network(self, build: Lite) -> SSD:
        """A fresh network in float32."""
        from mfast_edge.models.ssd.assemble import lite

        return lite(build, self.table(build), self.features(build), EXTRAS)

    def load(self, network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.ssd.lite_weights import load

        return load(network, file, tensors)
