"""Decoding and non-maximum suppression inside the graph: four outputs of fixed size, in ONNX's words or a plugin's."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.file import opset
from export.passes import drop_unused, infer, skip_nothings
from export.to_onnx import quiet

if TYPE_CHECKING:
    import torch

Kind = Literal["onnx", "tensorrt"]
OUTPUTS = ("num_dets", "det_boxes", "det_scores", "det_classes")
DOMAIN = "TRT"  # TensorRT's parser looks a node that it does not know up among the plugins, by its name


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts, what is too near, how many detections come out at the most."""

    score: float
    iou: float
    count: int


def suppress(source: Path, target: Path, unpack: "torch.nn.Module", rule: Rule, kind: Kind) -> None:
    """Write at `target` the graph at `source` with decoding and suppression behind its raw outputs.

    `unpack`: (raw outputs) → boxes (1, N, 4) in 0..1, scores (1, N, classes), both float32. Outputs: num_dets (1, 1)
    int32, det_boxes (1, count, 4), det_scores (1, count), det_classes (1, count) int32, best first, zeros behind them.
    `onnx`: NonMaxSuppression, which onnxruntime knows; `tensorrt`: the plugin EfficientNMS_TRT, whose inputs are
    float32 (fp16 ones give negative scores in TensorRT 8.2): keep it so when building.
    """
    model = onnx.load(source)
    head = _head(model, unpack)
    head.ir_version = model.ir_version
    raw = [one.name for one in model.graph.output]
    pairs = [(name, f"decode/{one.name}") for name, one in zip(raw, head.graph.input, strict=True)]
    whole = onnx.compose.merge_models(model, onnx.compose.add_prefix(head, "decode/"), io_map=pairs)
    {"onnx": _standard, "tensorrt": _plugin}[kind](whole, rule)
    told = {one.key: one.value for one in model.metadata_props}
    thresholds = {"nms": kind, "score_threshold": f"{rule.score:g}", "iou_threshold": f"{rule.iou:g}"}
    onnx.helper.set_model_props(whole, dict(sorted({**told, **thresholds}.items())))
    whole.producer_name = model.producer_name
    target.write_bytes(whole.SerializeToString(deterministic=True))


def _head(model: ModelProto, unpack: "torch.nn.Module") -> ModelProto:
    """The decoder as a graph of the raw outputs."""
    import torch

    shapes = [[size.dim_value for size in one.type.tensor_type.shape.dim] for one in model.graph.output]
    names = [f"raw{place}" for place in range(len(shapes))]
    with tempfile.TemporaryDirectory() as folder, quiet(), torch.no_grad():
        file = Path(folder) / "head.onnx"
        torch.onnx.export(
            unpack,
            tuple(torch.zeros(shape) for shape in shapes),
            file,
            dynamo=False,
            opset_version=opset(model),
            input_names=names,
            output_names=["boxes", "scores"],
        )
        head = onnx.load(file)
    for rewrite in (skip_nothings, drop_unused, infer):
        rewrite(head)
    return head


def _standard(model: ModelProto, rule: Rule) -> None:
    """NonMaxSuppression inside each class, then the best of all of them, filled up to a fixed number."""
    draft = _Draft(model)
    boxes, scores = "decode/boxes", draft.add("Transpose", ["decode/scores"], perm=[0, 2, 1])
    limits = [draft.hold(np.array(rule.count, np.int64))]
    limits += [draft.hold(np.array(value, np.float32)) for value in (rule.iou, rule.score)]
    chosen = draft.add("NonMaxSuppression", [boxes, scores, *limits])  # (n, 3): image, class, row
    kinds, rows = (draft.add("Gather", [chosen, draft.hold(np.array(column))], axis=1) for column in (1, 2))
    sure = draft.add("GatherND", [scores, chosen])
    flat = draft.add("Squeeze", [boxes, draft.hold(np.array([0]))])
    places = draft.add("Gather", [flat, rows], axis=0)
    spare: list[np.ndarray] = [
        np.zeros(rule.count, np.float32),
        np.zeros((rule.count, 4), np.float32),
        np.zeros(rule.count, np.int64),
    ]
    filled = [
        draft.add("Concat", [one, draft.hold(more)], axis=0)
        for one, more in zip((sure, places, kinds), spare, strict=True)
    ]
    best, order = draft.two("TopK", [filled[0], draft.hold(np.array([rule.count]))], axis=0)
    above = draft.add("Cast", [draft.add("Greater", [best, draft.hold(np.float32(0))])], to=TensorProto.INT32)
    count = draft.add("ReduceSum", [above, draft.hold(np.array([0]))], keepdims=1)
    labels = draft.add("Cast", [draft.add("Gather", [filled[2], order], axis=0)], to=TensorProto.INT32)
    ends = (count, draft.add("Gather", [filled[1], order], axis=0), best, labels)
    for name, one in zip(OUTPUTS, ends, strict=True):
        draft.add("Unsqueeze", [one, draft.hold(np.array([0]))], name)
    draft.finish(rule)


def _plugin(model: ModelProto, rule: Rule) -> None:
    node = helper.make_node(
        "EfficientNMS_TRT",
        ["decode/boxes", "decode/scores"],
        list(OUTPUTS),
        "suppress/EfficientNMS_TRT",
        domain=DOMAIN,
        plugin_version="1",
        background_class=-1,
        max_output_boxes=rule.count,
        score_threshold=rule.score,
        iou_threshold=rule.iou,
        score_activation=0,
        box_coding=0,
    )
    model.graph.node.append(node)
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    _Draft(model).finish(rule)


class _Draft:
    """Nodes added at the end of a graph."""

    def __init__(self, model: ModelProto) -> None:
        self.graph, self.count = model.graph, 0

    def add(self, kind: str, inputs: list[str], out: str = "", **attributes: Any) -> str:
        """A node with one output; its name."""
        self.count += 1
        name = out or f"suppress/{kind}{self.count}"
        self.graph.node.append(helper.make_node(kind, inputs, [name], f"suppress/{kind}{self.count}", **attributes))
        return name

    def two(self, kind: str, inputs: list[str], **attributes: Any) -> tuple[str, str]:
        """A node with two outputs."""
        one = self.add(kind, inputs, **attributes)
        self.graph.node[-1].output.append(f"{one}.1")
        return one, f"{one}.1"

    def hold(self, value: "np.ndarray | np.generic") -> str:
        """An initializer."""
        self.count += 1
        name = f"suppress/constant{self.count}"
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def finish(self, rule: Rule) -> None:
        """The outputs, of fixed sizes."""
        whole, real = TensorProto.INT32, TensorProto.FLOAT
        sizes = ((whole, [1, 1]), (real, [1, rule.count, 4]), (real, [1, rule.count]), (whole, [1, rule.count]))
        del self.graph.output[:]
        self.graph.output.extend(
            helper.make_tensor_value_info(name, kind, size) for name, (kind, size) in zip(OUTPUTS, sizes, strict=True)
        )
