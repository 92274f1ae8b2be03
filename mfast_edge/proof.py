"""The proof of a run: test read once, every stage timed in the same rounds, the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import gates, results
from benchmarks.score import interval, score
from export.board import stamp
from export.lint import lint
from mfast_edge.judge import PARITY, PARITY_FP16, as_file, as_torch
from mfast_edge.metrics.weight import size
from mfast_edge.model import title
from mfast_edge.quality import Examined, lost
from mfast_edge.runners import float_graph
from mfast_edge.timed import TORCH, Timed, clock, fastest, stood

if TYPE_CHECKING:
    from mfast_edge.pipeline import Row
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop

# Stages that change the form and not the network, and the share of detections that must match.
ALIKE = {"export_onnx": ("the export", PARITY), "cast_fp16": ("float16", PARITY_FP16)}
PRECISIONS = {"quantize": "int8", "cast_fp16": "float16"}

Scores = Mapping[str, tuple[float, float, float]]


def prove(shop: Workshop, rows: Sequence[Row], budget: float, command: str, folder: Path) -> dict[str, Any]:
    """What `compress` ends with, as JSON; all timings go to results/<machine>.json in `folder`."""
    base, final = rows[0], [row for row in rows if row.verdict.keep][-1]
    timed = clock(shop, rows)
    best = {row.stage: fastest(timed, stood(shop, rows, row).stage, shop.target.threads) for row in rows}
    tested = {row.stage: test(shop, row, best[row.stage].runtime) for row in (base, final)}
    scores = composite(shop, tested, best, base.stage)
    record(shop, rows, timed, scores, (command, folder))
    graph = float_graph(shop, final.candidate)
    return {
        **named(shop, command),
        **told_file(final, graph),
        "metrics": {"test": tested[final.stage].quality.to_json(), "val": dict(final.verdict.quality)},
        "float": {
            "key": base.candidate.key,
            **figures(tested[base.stage], base),
            "ms": forwards(timed, base, shop),
        },
        "loss": lost(shop, "test", tested[base.stage].found, tested[final.stage].found),
        "ms": forwards(timed, stood(shop, rows, final), shop),
        "own": [runtime for runtime in {one.runtime: None for one in timed} if shop.target.times(runtime)],
        "score": scores[final.stage][0] if final.stage in scores else None,
        "score_interval": list(scores[final.stage][1:]) if final.stage in scores else None,
        "budget": budget,
        "gates": [asdict(gate) for gate in judged(shop, rows, graph, budget)],
        "kept": [row.stage for row in rows if row.verdict.keep],
        "rolled_back": [row.stage for row in rows if not row.verdict.keep],
        "rows": [told_row(shop, row, forwards(timed, stood(shop, rows, row), shop), best[row.stage]) for row in rows],
    }


def named(shop: Workshop, command: str) -> dict[str, Any]:
    """What was run, on what, when."""
    run = {
        "model": title(shop.model),
        "task": shop.model.task,
        "data": shop.data.name,
        "target": shop.target.name,
        "command": command,
    }
    return {
        **run,
        "machine": shop.machine,
        "here": shop.here,
        "proxy": not shop.target.here,
        "date": f"{date.today()}",
    }


def told_file(row: Row, graph: Path) -> dict[str, Any]:
    """The final file and its weight in MB (10^6 bytes)."""
    file = row.candidate.file
    mb = {"mb": size(file), "onnx_mb": size(graph)}
    return {"key": row.candidate.key, "form": row.candidate.form, "file": str(file), **mb}


def figures(tested: Examined, row: Row) -> dict[str, Any]:
    """Quality on test and val."""
    return {"test": tested.quality.to_json(), "val": dict(row.verdict.quality)}


def test(shop: Workshop, row: Row, runtime: str) -> Examined:
    """Quality on test: a network through torch, a file through its fastest runtime."""
    if row.candidate.form == "torch":
        return as_torch(shop, row.candidate, "test")
    return as_file(shop, row.candidate, runtime, "test")


def forwards(timed: Sequence[Timed], row: Row, shop: Workshop) -> dict[str, float]:
    """{runtime: p50 in ms} of the forward of a row's graph at the target's threads."""
    mine = (t for t in timed if t.stage == row.stage and t.threads == shop.target.threads and t.runtime != TORCH)
    return {t.runtime: t.forward["p50"] for t in mine}


def composite(
    shop: Workshop, tested: Mapping[str, Examined], best: Mapping[str, Timed], base: str
) -> dict[str, tuple[float, float, float]]:
    """(score, best, worst) of each tested stage; the float network's own F1 and seconds are the reference.

    Best and worst: F1's 95 % bootstrap interval, and the spread of the time between rounds. None where the float
    network's time is a proxy and the stage's its own: they are of two devices.
    """
    count = len(shop.data.splits["test"]) / 1e3
    truths = [record.truth for record in shop.data.splits["test"]]
    ms = {stage: best[stage].parts["end_to_end"] for stage in tested}
    found = {}
    kind = {stage: shop.target.times(best[stage].runtime) for stage in tested}
    for stage, looked in tested.items():
        if kind[stage] != kind[base]:
            continue
        f1, seconds = looked.quality.f1, ms[stage]["p50"] * count
        reference = {"f1_ref": tested[base].quality.f1, "t_ref": ms[base]["p50"] * count}
        low, high = shop.task.f1_interval(truths, looked.found, shop.data.classes, looked.quality.confidence)
        edges = interval(low, high, *swung(seconds, ms[stage]["spread"]), **reference)
        found[stage] = (score(f1, seconds, **reference), *edges)
    return found


def swung(seconds: float, spread: float) -> tuple[float, float]:
    """The time less and more half its spread between rounds; never below nothing, however a machine stumbled."""
    return seconds * max(0.0, 1 - spread / 2), seconds * (1 + spread / 2)


def judged(shop: Workshop, rows: Sequence[Row], graph: Path, budget: float) -> list[gates.Gate]:
    """Weight, loss within budget on val, parity of the export, operators that the target knows."""
    kept = [row.verdict for row in rows if row.verdict.keep]
    final = [row.candidate for row in rows if row.verdict.keep][-1]
    weighed = final.file if final.form == "engine" else graph
    found = [gates.weight(weighed.stat().st_size, shop.target.mb)]
    if kept[-1].loss:
        found.append(gates.at_most("loss on val", kept[-1].loss["points"], budget, "points"))
    found += [
        gates.at_least(
            f"parity of {ALIKE[row.stage][0]}",
            100 * shared(row.verdict.parity),
            100 * ALIKE[row.stage][1],
            f"% of {shop.task.THINGS}",
        )
        for row in rows
        if row.stage in ALIKE and row.verdict.parity
    ]
    return found + operators(shop.target, graph)


def operators(target: Target, graph: Path) -> list[gates.Gate]:
    """A gate for each runtime whose rules the target names: nothing in the graph that it refuses."""
    found = []
    for rules in target.takes() if target.rules else ():
        refused = [one for one in lint(graph, rules) if not one.risk]
        name = f"operators outside {rules.name}" if rules.known else f"what {rules.name} has removed"
        found.append(gates.at_most(name, len(refused), 0, "findings"))
    return found


def shared(parity: Mapping[str, float]) -> float:
    """The share of detections that match; 0 where there was none to compare."""
    return parity["share"] if parity["detections"] else 0.0


def record(
    shop: Workshop,
    rows: Sequence[Row],
    timed: Sequence[Timed],
    scores: Scores,
    where: tuple[str, Path],
) -> None:
    """results/<machine>.json: a row for each stage that was timed, runtime and number of threads."""
    stages = {row.stage: row for row in rows}
    made = results.Results(
        shop.here, f"{date.today()}", where[0], tuple(entry(shop, stages[t.stage], t, scores) for t in timed)
    )
    folder = where[1] / "results"
    folder.mkdir(parents=True, exist_ok=True)
    results.write(results.place(folder, made), made)


def entry(shop: Workshop, row: Row, t: Timed, scores: Scores) -> results.Row:
    """One line of the results file."""
    engine = row.candidate.form == "engine"
    graph = row.candidate.file if t.runtime == TORCH or engine else float_graph(shop, row.candidate)
    return results.Row(
        name=f"{title(shop.model)} {row.stage}",
        file=graph.name,
        runtime=t.runtime,
        versions=t.versions,
        threads=t.threads,
        forward=t.forward,
        pre=t.parts.get("pre"),
        post=t.parts.get("post"),
        end_to_end=t.parts.get("end_to_end"),
        forward_backward=t.parts.get("forward_backward"),
        proxy=not shop.target.times(t.runtime),
        mb=size(graph),
        f1=row.verdict.quality["f1"],
        score=scores[row.stage][0] if row.stage in scores else None,
        precision=stamp.read(graph, "")["precision"] if engine else PRECISIONS.get(row.stage, "float32"),
        remark=row.verdict.sentence,
        model=shop.model.name,
    )


def told_row(shop: Workshop, row: Row, forward_ms: Mapping[str, float], best: Timed) -> dict[str, Any]:
    """A stage as the report's waterfall and the tables of the docs show it; quality is on val."""
    quality = row.verdict.quality
    return {
        "stage": row.stage,
        "key": row.candidate.key,
        **{column.key: quality[column.key] for column in shop.task.COLUMNS},
        "mb": size(row.candidate.file),
        "runtime": best.runtime,
        "threads": best.threads,
        "forward_ms": forward_ms,
        "p50_ms": best.forward["p50"],
        "e2e_ms": best.parts["end_to_end"]["p50"],
        "seconds": row.seconds,
        "keep": row.verdict.keep,
        "verdict": row.verdict.sentence,
        "parity": row.verdict.parity,
    }
