"""What a target will refuse of a plan, found before any training: the plan's graphs, made of an untrained network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from export.errors import ExportError
from export.finding import Finding
from mfast_edge.candidate import Candidate, Step, child_key, digest, file_digest
from mfast_edge.model import typed
from mfast_edge.pipeline import make
from mfast_edge.stages.export_onnx import ExportOnnx
from mfast_edge.stages.quantize import Quantize
from mfast_edge.store import Store, read_json, write_json

if TYPE_CHECKING:
    from mfast_edge.plan import Plan, Stage
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop

CALIBRATION = 2  # photos: ranges decide no rule
SOURCES = ("finding.py", "lint.py", "nodes.py")  # of export: what decides findings beside the rules


def examined(file: Path, target: Target) -> list[Finding]:
    """What the target's runtimes refuse in an ONNX file, or may get wrong. Raises Unreadable."""
    from export.lint import cramped, lint

    found: list[Finding] = []
    for rules in target.takes():
        found += lint(file, rules)
        found += cramped(file, rules, target.memory_gb) if target.memory_gb else []
    return list(dict.fromkeys(found))


def foretold(shop: Workshop, plan: Plan) -> list[Finding]:
    """`tried`, or what it found when the same was asked before."""
    place = shop.store.root / "doctor" / f"{question(shop, plan)}.json"
    told = read_json(place)
    if told is None:
        told = [asdict(one) for one in tried(shop, plan)]
        write_json(place, told)
    return [Finding(**one) for one in told]


def tried(shop: Workshop, plan: Plan) -> list[Finding]:
    """What the target refuses in the graphs of a plan, made in a passing folder of a network as it is built."""
    found: list[Finding] = []
    with TemporaryDirectory() as folder:
        passing = replace(shop, store=Store(Path(folder)), init=None, known={})
        try:
            for graph in graphs(passing, plan):
                found += examined(graph, shop.target)
        except ExportError as wrong:
            rule, _, instead = str(wrong).partition("; ")
            found.append(Finding("graph", rule, "the export itself", instead or "another model or setting"))
    return list(dict.fromkeys(found))


def graphs(shop: Workshop, plan: Plan) -> Iterator[Path]:
    """The ONNX files that the plan's stages make of an untrained network, one after the other."""
    current = untrained(shop, plan.seed)
    for name, stage in graphic(plan, shop.target):
        if stage.gives(current.form) == "onnx":
            current, _ = make(name, hasty(stage), current, shop, plan.seed)
            yield current.file


def graphic(plan: Plan, target: Target) -> list[tuple[str, Stage]]:
    """The plan's stages that make ONNX; the export, as the proof makes one, where the plan has none."""
    found = [(name, stage) for name, stage in plan.stages if "onnx" in (stage.gives("torch"), stage.gives("onnx"))]
    return found or [("export_onnx", ExportOnnx().fitted(target))]


def hasty(stage: Stage) -> Stage:
    """The stage without what only makes its numbers better."""
    if not isinstance(stage, Quantize):
        return stage
    plain = {"images": CALIBRATION, "method": "minmax", "equalise": False, "correct_bias": False, "mixed": None}
    return stage.model_copy(update=plain)


def untrained(shop: Workshop, seed: int) -> Candidate:
    """A network with the weights that a training starts from, as a candidate."""
    step = Step("untrained", "1", {}, seed, {})
    key = child_key(shop.root, step)
    with shop.store.work(key) as work:
        made = shop.fresh()
        made.network.eval()
        shop.write(made, work.files)
        return shop.store.keep(work, shop.root, step, key, "torch")


def question(shop: Workshop, plan: Plan) -> str:
    """A name for all that decides what `tried` finds."""
    target, shed = shop.target, Path(str(files("export")))
    stages = [[name, stage.version, stage.model_dump(mode="json")] for name, stage in graphic(plan, target)]
    rules = [one.model_dump(mode="json") for one in target.takes()]
    return digest([shop.root.key, stages, rules, target.memory_gb, [file_digest(shed / name) for name in SOURCES]])


def useless(plan: Plan, target: Target) -> list[Finding]:
    """What a plan asks for in vain: its stages for a precision that the target has not."""
    said = (line.partition(": ") for line in plan.left_out)
    return [Finding(f"plan {plan.name}", rule, f"target {target.name}", instead, True) for rule, _, instead in said]


def refused(found: Sequence[Finding], shop: Workshop) -> str | None:
    """One sentence on what stops the plan; None where nothing does, risks or not."""
    stops = [one for one in found if not one.risk]
    if not stops:
        return None
    more = f" (and {len(stops) - 1} more)" if stops[1:] else ""
    return (
        f"--target {shop.target.name}: it would refuse what this plan makes: {stops[0].line()}{more}; "
        f"python -m mfast_edge.doctor --target {shop.target.name} --model {typed(shop.model)} tells all"
    )
