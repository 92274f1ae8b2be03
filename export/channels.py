"""What the channels of a graph's tensors are on real images: means and peaks, any part of the graph alone."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import ModelProto, NodeProto

from export.errors import ExportError

WEIGHTED = ("Conv", "Gemm")


class Channels(NamedTuple):
    """Of each of C channels: the mean and the largest value, over images and places."""

    mean: np.ndarray
    peak: np.ndarray


def statistics(model: ModelProto, names: Sequence[str], images: Iterable[np.ndarray]) -> dict[str, Channels]:
    """Channels of the tensors `names` (1, C, …) of a graph, over `images` of one each, as the graph takes them.

    Raises ExportError where there is no image.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # the order of sums, and with it the last digit, must not depend on cores
    part = upstream(model, names)
    session = onnxruntime.InferenceSession(part.SerializeToString(), options, ["CPUExecutionProvider"])
    seen: dict[str, list[Channels]] = {name: [] for name in names}
    for image in images:
        values = session.run(list(names), {part.graph.input[0].name: image})
        for name, value in zip(names, values, strict=True):
            flat = value.reshape(value.shape[1], -1)
            seen[name].append(Channels(flat.mean(1, dtype=np.float64), flat.max(1)))
    if not all(seen.values()):
        raise ExportError("calibration: no images given; give at least one, better a hundred")
    return {
        name: Channels(np.mean([one.mean for one in many], 0), np.max([one.peak for one in many], 0))
        for name, many in seen.items()
    }


def upstream(model: ModelProto, names: Sequence[str]) -> ModelProto:
    """A graph of what the tensors `names` come from, which are its outputs."""
    part = ModelProto()
    part.CopyFrom(model)
    needed, kept = set(names), []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            needed.update(node.input)
            kept.append(node)
    for listed, mine in (
        (part.graph.node, reversed(kept)),
        (part.graph.initializer, [one for one in model.graph.initializer if one.name in needed]),
        (part.graph.output, [onnx.helper.make_empty_tensor_value_info(name) for name in names]),
    ):
        found = list(mine)
        del listed[:]
        listed.extend(found)
    return part


def weighted(model: ModelProto) -> list[NodeProto]:
    """Convolutions and fully connected layers, in the order in which they run."""
    return [node for node in model.graph.node if node.op_type in WEIGHTED]
