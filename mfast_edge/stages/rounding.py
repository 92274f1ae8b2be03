"""Where a network has to round, read from the int8 graph that it becomes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from export.int8 import dress, lossless
from export.ranges import measure
from export.sites import sites, values
from mfast_edge.errors import UserError
from mfast_edge.precision import Precision
from mfast_edge.stages.quantize import Quantize
from mfast_edge.training.calls import layers, places, trace
from mfast_edge.training.fake import Fakes, Grid, Quantised
from mfast_edge.workshop import dressing

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.stages.qat import Qat
    from mfast_edge.target import Int8
    from mfast_edge.workshop import Built, Workshop


@dataclass(frozen=True, slots=True)
class Ready:
    """A network that rounds, which of its places makes which tensor of the graph, and all ranges before training."""

    network: Quantised
    places: Mapping[str, str]
    ranges: Mapping[str, tuple[float, float]]
    layers: tuple[str, ...]


def prepare(made: Built, parent: Candidate, qat: Qat, shop: Workshop) -> Ready:
    """The parent's network `made`, rounding where its graph, dressed for the target, has a quantizer, and nowhere else.

    The float graph is exported, calibrated and dressed; every tensor that it then rounds is found again in the
    network by its values on a photo. So what is trained is what `quantize` writes, the range of pixels included.
    """
    if qat.dressing is None:
        raise UserError(f"qat: target {shop.target.name} has no int8; leave the stage out of the plan")
    wanted = dressing(Quantize(), qat.dressing)
    with tempfile.TemporaryDirectory() as folder:
        plain, dressed = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        shop.export(parent, plain, qat.opset or shop.target.opset)
        photo = next(shop.photos(plain, 1))
        ranges = measure(
            plain, shop.photos(plain, qat.calibration), "minmax", percentile=100, symmetric=qat.dressing.symmetric
        )
        ranges |= lossless(plain, symmetric=qat.dressing.symmetric)
        dress(plain, dressed, ranges, wanted)
        found = sites(dressed)
        traced = trace(made.network, torch.from_numpy(photo).to(shop.device))
        where = places(traced, values(plain, photo, found.activations))
    paths = layers(traced, found.weighted)
    fakes = Fakes(
        ranges={place: ranges[name] for name, place in where.items()},
        whole=traced.early | {where[name] for name in found.whole},
        layers=frozenset(paths),
        norms=traced.norms,
        grid=grid(qat.dressing),
    )
    moving = round(ceil(qat.images / qat.batch) * (1 - qat.frozen))
    rounding = Quantised(made.network, fakes, moving, qat.momentum).to(shop.device)
    return Ready(rounding, where, ranges, paths)


def grid(int8: Int8) -> Grid:
    """The target's dressing as training takes it."""
    return Grid(int8.activations == "int8", int8.symmetric, int8.per_channel, int8.reduce_range)


def known(ready: Ready, qat: Qat) -> Precision:
    """What a later `quantize` must know. Ranges of all tensors: with a block in float others may be rounded."""
    assert qat.dressing is not None
    trained = ready.network.ranges()
    return Precision(
        layers=dict.fromkeys(ready.layers, "int8"),
        ranges={**ready.ranges, **{name: trained[place] for name, place in ready.places.items()}},
        dressing=qat.dressing.model_dump(mode="json"),
    )
