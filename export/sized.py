"""A graph for inputs of other sizes: open ones fixed, or another batch; what comes out is compared."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper

from export.errors import ExportError
from export.shape import feeds, inputs

TOLERANCE = 1e-3  # of an output's largest value


def sized(source: Path, path: Path, sizes: Mapping[str, tuple[int, ...]]) -> None:
    """Write the graph at `source` for inputs of exactly `sizes` at `path`.

    A Reshape to a fixed shape that starts with the old batch starts with the new one. At another batch each of
    its drawn images must give what it gives alone. Raises ExportError where it does not: a batch that is baked
    in otherwise, or images that the graph mixes.
    """
    own = {name: known for name, (known, _) in inputs(source).items()}
    old = {name: tuple(size or sizes[name][n] for n, size in enumerate(known)) for name, known in own.items()}
    batches = {name for name in own if own[name] and old[name][0] != sizes[name][0]}
    model = onnx.load(source)
    _fix(model, sizes)
    if batches:
        _reshape(model, {old[name][0] for name in batches}, sizes[next(iter(batches))][0])
    path.write_bytes(model.SerializeToString(deterministic=True))
    if batches:
        _compare(source, path, sizes, {name: 1 if own[name][0] is None else old[name][0] for name in batches})


def _fix(model: ModelProto, sizes: Mapping[str, tuple[int, ...]]) -> None:
    for one in model.graph.input:
        if one.name in sizes:
            del one.type.tensor_type.shape.dim[:]
            for size in sizes[one.name]:
                one.type.tensor_type.shape.dim.add().dim_value = size
    for result in model.graph.output:
        result.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]


def _reshape(model: ModelProto, old: set[int], batch: int) -> None:
    """Each Reshape gets a shape of its own, as another node may read the old one for something else."""
    graph = model.graph
    known = {one.name: one for one in graph.initializer}
    known |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    for number, node in enumerate(one for one in graph.node if one.op_type == "Reshape"):
        if (tensor := known.get(node.input[1])) is None:
            continue
        shape = numpy_helper.to_array(tensor).copy()
        if shape.size and shape[0] in old:
            shape[0] = batch
            graph.initializer.append(numpy_helper.from_array(shape, f"batched shape {number}"))
            node.input[1] = f"batched shape {number}"


def _compare(source: Path, path: Path, sizes: Mapping[str, tuple[int, ...]], step: Mapping[str, int]) -> None:
    """Every output at the new batch against the old graph's, piece by piece."""
    drawn = feeds(path, sizes, seed=0)
    batch, piece = next((sizes[name][0], count) for name, count in step.items())
    if batch % piece:
        raise ExportError(f"{source}: its batch is {piece}, {batch} was asked for; a multiple would be right")
    try:
        together = _run(path, drawn)
        alone = [
            _run(source, {name: one[n : n + piece] if name in step else one for name, one in drawn.items()})
            for n in range(0, batch, piece)
        ]
    except Exception as error:  # onnxruntime has no error class of its own
        raise ExportError(f"{source}: cannot be run at batch {batch}: its batch is baked in") from error
    for name, whole, *parts in zip(_outputs(source), together, *alone, strict=True):
        one = np.concatenate(parts) if parts[0].ndim else parts[0]
        if one.shape != whole.shape or not _near(one, whole):
            raise ExportError(f"{source}: at batch {batch} its output {name} is not that of the images alone")


def _near(one: np.ndarray, other: np.ndarray) -> bool:
    if one.size == 0:
        return True
    first, second = one.astype(np.float64), other.astype(np.float64)
    return bool(np.abs(first - second).max() <= TOLERANCE * max(1.0, float(np.abs(first).max())))


def _outputs(path: Path) -> list[str]:
    return [one.name for one in onnx.load(path, load_external_data=False).graph.output]


def _run(path: Path, fed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return [np.asarray(one) for one in session.run(None, dict(fed))]
