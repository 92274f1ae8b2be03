"""ssd_net: an SSD on a network in YAML; torch is loaded by what needs it, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mfast_edge.models.ssd.build import Build, anchored, facts, shapes
from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.labels import labels
from mfast_edge.networks import files, grammar
from mfast_edge.networks.grammar import Asked, Entry
from mfast_edge.networks.origins import infer
from mfast_edge.networks.taps import taps
from mfast_edge.settings import rare

if TYPE_CHECKING:
    from torch import Tensor

    from mfast_edge.models.ssd.network import SSD

LEVELS = 6
EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128), (64, 128))  # (reduced, expanded) channels at width 1
NETWORK = "mobilenetv3_small"


class Net(Build):
    """An SSD's settings, and its backbone: `network` is the tree of a YAML file, or the name of one in
    configs/networks, or a path. Its outputs, else the last maps of its last two sides, are the first levels."""

    width: Annotated[float, Field(gt=0, le=2)] = 1.0
    heads: Literal["lite", "full"] = "lite"
    depth: Annotated[float, Field(gt=0, le=8)] = 1.0
    padding: Literal["same", "centred"] | None = rare(None)  # instead of the file's
    network: dict[str, Any] = Field(default=NETWORK, validate_default=True)  # after what its entries depend on

    @model_validator(mode="before")
    @classmethod
    def opened(cls, given: Any) -> Any:
        """A file's name as its tree."""
        return {**given, "network": files.opened(given, NETWORK)}

    @field_validator("network")
    @classmethod
    def kept(cls, tree: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """The tree must be buildable; it keeps no second input size, as `size` is the one that counts."""
        return grammar.settle(tree, info.data, taps)

    @model_validator(mode="after")
    def parsed(self) -> Self:
        """The network must have at most as many maps as there are levels."""
        _, found = backbone(self)
        if len(found) > LEVELS:
            raise ValueError(f"network: {len(found)} outputs; at most {LEVELS} would be right")
        return self


def backbone(build: Net) -> tuple[tuple[Entry, ...], list[int]]:
    """The backbone's entries, and those of them that are levels, the largest map first."""
    return taps(
        grammar.padded(build.network, build.padding), Asked(len(build.classes), build.size, build.width, build.depth)
    )


@dataclass(frozen=True, slots=True)
class Written:
    """What an SSD on a network in YAML has of its own (detector.Body)."""

    def table(self, build: Net) -> list[list[list[float]]]:
        """Anchor (height, width) of every level. ValueError: the build names another number of levels."""
        return anchored(build, shapes(build.scale_low, build.scale_high, LEVELS))

    def facts(self, build: Net) -> dict[str, Any]:
        """What decode must know, as JSON."""
        entries, found = backbone(build)
        sides = [entries[number].shape.side for number in found]
        while len(sides) < LEVELS:
            sides.append(-(-sides[-1] // 2))
        return facts(build, sides, self.table(build))

    def infer(self, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Width and padding of published weights."""
        return infer(shapes)

    def labels(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
        """The classes that weights of these shapes find."""
        return labels(shapes)

    def network(self, build: Net) -> SSD:
        """A fresh network in float32."""
        from mfast_edge.models.ssd.written import assemble

        return assemble(build, self.table(build), EXTRAS)

    def load(self, network: SSD, file: Path, tensors: Mapping[str, Tensor]) -> str:
        """Put weights in; one line on what was taken. UserError where they do not fit."""
        from mfast_edge.models.own import own
        from mfast_edge.models.ssd.weights import CLASSES
        from mfast_edge.networks.published import put

        return put(network.backbone, file, tensors) or own(network, file, tensors, CLASSES)


MODEL = Detector("ssd_net", Net, Written())
