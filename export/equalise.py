"""Cross-layer equalisation: the channels between two layers made alike, the function left as it is (Nagel 2019)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper

from export.channels import statistics

_SWEEPS, _STILL = 30, 1e-3
# How far above its peak on the calibration images a channel may go before a clip moves. A channel that comes
# nearer to the clip than that is left alone.
_MARGIN = 1.25


@dataclass(frozen=True, slots=True)
class Link:
    """A layer, the activation behind it (clipped at `limit`) and the layers that read it, all weighted."""

    maker: NodeProto
    limit: float
    readers: tuple[NodeProto, ...]


def equalise(model: ModelProto, images: Iterable[np.ndarray]) -> int:
    """Rescale weights and biases of a float graph in place; returns how many links between layers were.

    Channel i of a link is divided by s_i = √(r1 r2) / r2 (Nagel 2019, eq. 11; r1, r2: the largest weight that
    makes it, that reads it) and multiplied by s_i in its readers, until nothing moves. ReLU commutes with
    that; ReLU6 only where its clip is out of reach before and after, so s_i is bounded by the channel's peak
    on `images`, and is 1 where that comes near the clip.
    """
    graph = model.graph
    weights = {one.name: numpy_helper.to_array(one).copy() for one in graph.initializer}
    found = links(graph)
    if not found:
        return 0
    seen = statistics(model, [link.maker.output[0] for link in found], images)
    peaks = {link.maker.name: seen[link.maker.output[0]].peak for link in found}
    for _ in range(_SWEEPS):
        moved = [_balance(link, weights, peaks) for link in found]
        if max(moved) < _STILL:
            break
    for one in graph.initializer:
        one.CopyFrom(numpy_helper.from_array(weights[one.name], one.name))
    return len(found)


def links(graph: GraphProto) -> list[Link]:
    """Every Conv → ReLU or ReLU6 → Conv, where nothing but convolutions reads the activation."""
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    results = {one.name for one in graph.output}
    found = []
    for maker in (node for node in graph.node if node.op_type == "Conv" and len(node.input) == 3):
        behind = [node for node in graph.node if maker.output[0] in node.input]
        limit = _limit(behind[0], values) if len(behind) == 1 else None
        if limit is None or {maker.output[0], behind[0].output[0]} & results:
            continue
        readers = tuple(node for node in graph.node if behind[0].output[0] in node.input)
        channels = len(values[maker.input[1]])
        if readers and all(_reads(node, values, channels) for node in readers):
            found.append(Link(maker, limit, readers))
    return found


def _limit(node: NodeProto, values: dict[str, np.ndarray]) -> float | None:
    """Where an activation that is 0 below 0 is clipped; None for any other node."""
    if node.op_type == "Relu":
        return np.inf
    low, high = [*[values.get(name) for name in node.input[1:]], None, None][:2]
    if node.op_type != "Clip" or low is None or float(low) != 0:
        return None
    return float(high) if high is not None else np.inf


def _reads(node: NodeProto, values: dict[str, np.ndarray], channels: int) -> bool:
    """Whether a convolution's weights hold these input channels one by one: full, or depthwise."""
    if node.op_type != "Conv" or node.input[1] not in values:
        return False
    shape, groups = values[node.input[1]].shape, _groups(node)
    return len(shape) == 4 and (shape[1], groups) in ((channels, 1), (1, channels))


def _groups(node: NodeProto) -> int:
    return int(next((one.i for one in node.attribute if one.name == "group"), 1))


def _balance(link: Link, weights: dict[str, np.ndarray], peaks: dict[str, np.ndarray]) -> float:
    """Rescale one link; the largest |log s| of its channels."""
    make, bias = weights[link.maker.input[1]], weights[link.maker.input[2]]
    peak = peaks[link.maker.name]
    first = np.abs(make).reshape(len(make), -1).max(1)
    second = np.max([_largest(weights[node.input[1]], _groups(node)) for node in link.readers], axis=0)
    scale = _scales(first, second, peak, link.limit)
    make /= scale.reshape(-1, 1, 1, 1)
    bias /= scale
    peaks[link.maker.name] = peak / scale
    for node in link.readers:
        whole = weights[node.input[1]]
        whole *= scale[None, :, None, None] if _groups(node) == 1 else _per_output(scale, whole)
    return float(np.abs(np.log(scale)).max())


def _scales(first: np.ndarray, second: np.ndarray, peak: np.ndarray, limit: float) -> np.ndarray:
    """s of each channel, float32; 1 where a side is dead or the clip is near."""
    alive = (first > 0) & (second > 0)
    scale = np.sqrt(np.where(alive, first, 1) / np.where(alive, second, 1))
    if np.isfinite(limit):
        reach = _MARGIN * np.maximum(peak, 0) / limit
        scale = np.where(reach <= 1 + 1e-6, np.maximum(scale, reach), 1)
    return np.where(alive, scale, 1).astype(np.float32)


def _largest(whole: np.ndarray, groups: int) -> np.ndarray:
    """The largest weight that reads each input channel."""
    size = np.abs(whole)
    return np.asarray(size.max((0, 2, 3)) if groups == 1 else size.reshape(groups, -1).max(1))


def _per_output(scale: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.repeat(scale, len(whole) // len(scale)).reshape(-1, 1, 1, 1)
