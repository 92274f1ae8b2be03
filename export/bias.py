"""Bias correction: the mean error that int8 makes in each channel is taken out of the layer's bias (Nagel 2019)."""

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, numpy_helper

from export.channels import statistics, weighted


def correct_bias(model: ModelProto, source: ModelProto, images: Sequence[np.ndarray], fed: Sequence[np.ndarray]) -> int:
    """Take out of each layer's bias in the int8 `model`, in place, its mean output error; how many layers.

    The error of a channel is E[int8] - E[float] of the layer's output before its activation, over `images`
    and places, with all layers before it corrected already (Nagel 2019, section 4.2 and appendix D,
    empirical). `source` is the float graph, with the same node names; `fed` are the images as `model` takes
    them. int32 biases move in their own steps; layers without a bias stay as they are.
    """
    right = {node.name: node.output[0] for node in weighted(source)}
    expected = statistics(source, list(right.values()), images)
    corrected = 0
    for node in weighted(model):
        if len(node.input) < 3 or node.name not in right:
            continue
        found = statistics(model, [node.output[0]], fed)[node.output[0]]
        _subtract(model, node.input[2], found.mean - expected[right[node.name]].mean)
        corrected += 1
    return corrected


def _subtract(model: ModelProto, name: str, error: np.ndarray) -> None:
    """From a float bias as it is, from a quantized one in whole steps of its scale."""
    maker: NodeProto | None = next((node for node in model.graph.node if name in node.output), None)
    constants = {one.name: one for one in model.graph.initializer}
    held = constants[maker.input[0] if maker else name]
    value = numpy_helper.to_array(held)
    step = numpy_helper.to_array(constants[maker.input[1]]).astype(np.float64) if maker else np.ones(1)
    moved = value - (np.round(error / step) if maker else error)
    held.CopyFrom(numpy_helper.from_array(moved.astype(value.dtype), held.name))
