"""A torch network becomes one clean ONNX file: static, folded, the same bytes every time."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from export.errors import ExportError
from export.passes import clean
from export.sessions import outputs

if TYPE_CHECKING:
    import torch

Shape = tuple[int, int, int, int]
IR_LIMIT = 8  # the newest that onnxruntime 1.10, the last for a Jetson Nano's Python, reads
OLDEST = 11  # before it the limits of a Clip were attributes
FORBIDDEN = {
    "ConstantOfShape", "Identity", "If", "Loop", "Mod", "NonMaxSuppression", "NonZero", "Scan", "Shape",
    "Size", "TopK",
}  # fmt: skip
# What the TorchScript exporter says about itself and about sizes read while tracing: the sizes are
# fixed here, and `_agree` compares the finished graph with the network on another image.
_CHATTER = (
    "You are using the legacy TorchScript-based ONNX export",
    "The feature will be removed. Please remove usage of this function",
    r"Converting a tensor to a Python \w+ might cause the trace to be incorrect",
    "Constant folding - Only steps=1 can be constant folded",
)


def to_onnx(  # noqa: PLR0913 - what a file is made of; three of the seven have no other home
    network: "torch.nn.Module",
    shape: Shape,
    path: Path,
    *,
    names: tuple[str, ...],
    metadata: Mapping[str, str],
    opset: int = 13,
    fold: bool = True,
) -> None:
    """Write `network`, in eval mode, as ONNX at `path`.

    The graph's input is `image`, float32 of `shape` (N, C, H, W); its outputs are called `names`. Batch
    norms (left as they are without `fold`) and paddings are folded into convolutions, sizes and constants into
    initializers.
    Raises ExportError, naming the node, when something that a device would refuse is left, or when
    onnxruntime's outputs differ from the network's.
    """
    if network.training:
        raise ExportError("the network is in training mode; call .eval() before exporting it")
    if opset < OLDEST:
        raise ExportError(f"opset {opset} given; {OLDEST} or more would be right")
    model = _trace(network, shape, names, opset, fold)
    clean(model)
    _check(model, opset)
    _agree(network, model, shape)
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
    path.write_bytes(model.SerializeToString(deterministic=True))


def _trace(network: "torch.nn.Module", shape: Shape, names: tuple[str, ...], opset: int, fold: bool) -> onnx.ModelProto:
    import torch

    image = torch.zeros(shape, device=_device(network))
    with tempfile.TemporaryDirectory() as folder, quiet(), torch.no_grad():
        file = Path(folder) / "traced.onnx"
        torch.onnx.export(
            network,
            (image,),
            file,
            dynamo=False,  # the newer exporter stops at opset 18
            opset_version=opset,
            # Only in its mode EVAL does the exporter fold norms; the network is in eval mode in either.
            training=torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=fold,
            input_names=["image"],
            output_names=list(names),
        )
        return onnx.load(file)


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter's chatter about itself unheard."""
    with warnings.catch_warnings():
        for message in _CHATTER:
            warnings.filterwarnings("ignore", message)
        yield


def _device(network: "torch.nn.Module") -> Any:
    return next((one.device for one in network.parameters()), "cpu")


def _check(model: onnx.ModelProto, opset: int) -> None:
    onnx.checker.check_model(model, full_check=True)
    for node in model.graph.node:
        if node.op_type in FORBIDDEN:
            raise ExportError(
                f"{node.name}: a {node.op_type} is left in the graph; fix sizes in the network and select after it"
            )
    found = {one.domain: one.version for one in model.opset_import}
    if found != {"": opset} or model.ir_version > IR_LIMIT:
        raise ExportError(f"the exporter wrote opset {found}, IR {model.ir_version}; asked for opset {opset}")
    for result in model.graph.output:
        if not all(size.dim_value for size in result.type.tensor_type.shape.dim):
            raise ExportError(f"{result.name}: its size is not fixed; fix it in the network's forward")


def _agree(network: "torch.nn.Module", model: onnx.ModelProto, shape: Shape) -> None:
    """A trace keeps the branch it saw; on another image than the traced one the graph must still agree."""
    import torch

    image = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(image).to(_device(network)))
    expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
    for name, right, got in zip(_names(model), expected, outputs(model, image), strict=True):
        right = right.float().cpu().numpy()
        if right.shape != got.shape or not _near(right, got):
            raise ExportError(
                f"{name}: the traced graph does not compute what the network does; in forward take sizes as "
                f"int(x.shape[2]) and no decision from values"
            )


def _near(right: np.ndarray, got: np.ndarray) -> bool:
    return float(np.abs(right - got).max(initial=0)) < 1e-3 * max(1.0, float(np.abs(right).max(initial=0)))


def _names(model: onnx.ModelProto) -> list[str]:
    return [one.name for one in model.graph.output]
