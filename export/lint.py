"""What a runtime would refuse in an ONNX file: `python -m export.lint FILE.onnx --runtime tensorrt-8.2`."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from export.errors import ExportError, Unreadable
from export.nodes import Tensors, broken, walk
from export.rules import Rules, load_rules

__all__ = ["Finding", "Rules", "Summary", "lint", "load_rules", "summary"]

_QDQ = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the runtime refuses: where, which rule, who says so, what to do instead."""

    node: str
    rule: str
    source: str
    instead: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file is: versions, number of nodes, of each operator, of Q/DQ nodes; weights beside the file."""

    opset: int
    ir: int
    nodes: int
    operators: dict[str, int]
    qdq: int
    external_data: bool


def lint(graph_path: Path, rules: Rules) -> list[Finding]:
    """Everything in the ONNX file that `rules` refuse; empty where it would run. Raises Unreadable."""
    model = _load(graph_path)
    found = [*_versions(model, rules), *_form(model, rules), *_nodes(model, rules)]
    return [Finding(node, rule, rules.source, instead) for node, rule, instead in found]


def summary(graph_path: Path) -> Summary:
    """What the ONNX file is. Raises Unreadable."""
    model = _load(graph_path)
    operators = Counter(node.op_type for node in walk(model.graph))
    return Summary(
        _opset(model),
        model.ir_version,
        operators.total(),
        dict(sorted(operators.items())),
        sum(operators[name] for name in _QDQ),
        _external(model),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line per finding and a summary: 0 nothing found, 1 findings, 2 the user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m export.lint", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE.onnx")
    parser.add_argument("--runtime", required=True, help="tensorrt-8.2, onnxruntime, openvino or a YAML file")
    parser.add_argument("--no-int8", action="store_true", help="the hardware has no int8 (Jetson Nano)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    try:
        rules = load_rules(given.runtime)
        found = lint(given.file, rules.without_int8() if given.no_int8 else rules)
        print(_json(given.file, found) if given.json else _text(given.file, found))
    except ExportError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if found else 0


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise Unreadable(f"{path}: cannot be read as ONNX; give a whole .onnx file") from error
    if not model.graph.node:
        raise Unreadable(f"{path}: holds no graph; give an .onnx file")
    return model


def _versions(model: onnx.ModelProto, rules: Rules) -> Iterator[tuple[str, str, str]]:
    if (opset := _opset(model)) > rules.opset:
        yield "graph", f"opset {opset}, {rules.opset} at most", f"export again with opset {rules.opset}"
    if model.ir_version > rules.ir:
        yield (
            "graph",
            f"IR version {model.ir_version}, {rules.ir} at most",
            "save it with an older onnx package",
        )


def _form(model: onnx.ModelProto, rules: Rules) -> Iterator[tuple[str, str, str]]:
    if not rules.external_data and _external(model):
        yield (
            "graph",
            "weights lie outside the file",
            "save all in one file: onnx.save(onnx.load(path), path)",
        )
    constants = {one.name for one in model.graph.initializer}
    for one in model.graph.input:
        sizes = one.type.tensor_type.shape.dim
        if not rules.dynamic_shapes and one.name not in constants and not all(d.dim_value > 0 for d in sizes):
            yield one.name, "its shape is dynamic", "export with every size fixed, batch included"
    quantized = [node for node in walk(model.graph) if node.op_type in _QDQ]
    if quantized and not rules.int8:
        yield (
            quantized[0].name or quantized[0].output[0],
            f"{len(quantized)} Q/DQ nodes, on hardware without int8",
            "deploy the float graph, in fp16 where the hardware has it",
        )


def _nodes(model: onnx.ModelProto, rules: Rules) -> Iterator[tuple[str, str, str]]:
    tensors = Tensors.of(model.graph)
    for node in walk(model.graph):
        name = node.name or node.output[0]
        for rule, instead in broken(node, rules, tensors):
            yield name, rule, instead
    if not rules.wide_int64:
        for name in tensors.wide():
            yield name, "int64 values beyond int32", "keep integers within 2147483647"


def _opset(model: onnx.ModelProto) -> int:
    return next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 1)


def _external(model: onnx.ModelProto) -> bool:
    return any(one.data_location == onnx.TensorProto.EXTERNAL for one in model.graph.initializer)


def _json(path: Path, found: list[Finding]) -> str:
    return json.dumps({"findings": [asdict(one) for one in found], "summary": asdict(summary(path))}, indent=1)


def _text(path: Path, found: list[Finding]) -> str:
    facts = summary(path)
    operators = ", ".join(f"{name} {count}" for name, count in facts.operators.items())
    lines = [f"{one.node}: {one.rule}; instead: {one.instead} [{one.source}]" for one in found]
    return "\n".join(
        [
            *lines,
            f"{path}: {len(found)} findings; opset {facts.opset}, IR {facts.ir}, {facts.nodes} nodes "
            f"({operators}), {facts.qdq} Q/DQ, external data: {'yes' if facts.external_data else 'no'}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
