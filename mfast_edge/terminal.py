"""What a run says on the terminal: progress, one line per stage, a table; with --json one object and nothing else."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from mfast_edge import proxy
from mfast_edge.data.whole import lines
from mfast_edge.metrics.weight import size
from mfast_edge.model import title
from mfast_edge.tasks.task import of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from export.finding import Finding
    from mfast_edge.pipeline import Expected, Row
    from mfast_edge.plan import Plan
    from mfast_edge.workshop import Workshop

QUIET = 20.0  # seconds between progress lines where there is no terminal to overwrite


class Terminal:
    """Standard output for results, standard error for progress."""

    def __init__(self, as_json: bool):
        self.as_json = as_json
        self.out = Console(quiet=as_json, highlight=False, markup=False, soft_wrap=True)
        self.told = 0.0
        self.task = "detect"  # what figures are told of: the head says it

    def head(self, plan: Plan, shop: Workshop, folder: Path) -> None:
        """What is about to happen."""
        counts = ", ".join(f"{len(records)} {split}" for split, records in shop.data.splits.items())
        self.out.print(
            f"{title(shop.model)} on {shop.data.name} ({counts}) for {shop.target.title}: plan {plan.name}, in {folder}"
        )
        for line in plan.left_out:
            self.out.print(f"  {line}")
        self.task = shop.data.task
        self.photos(shop)

    def risks(self, found: Iterable[Finding]) -> None:
        """What the target takes and may get wrong."""
        for one in (one for one in found if one.risk):
            self.out.print(f"  doctor: {one.line()}")

    def photos(self, shop: Workshop) -> None:
        """What is wrong with the data; photos of each class, where they have one; the fold tables, where photos were
        dealt as asked."""
        for line in [*shop.data.report.lines(), *lines(shop.data)]:
            self.out.print(f"  {line}")
        for deal in shop.data.deals:
            for line in deal.lines():
                self.out.print(f"  {line}")

    def progress(self, line: str) -> None:
        """A line that the next one may overwrite."""
        if sys.stderr.isatty():
            print(f"\r\033[K  {line}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.told > QUIET:
            self.told = time.monotonic()
            print(f"  {line}", file=sys.stderr, flush=True)

    def row(self, row: Row) -> None:
        """One line per stage."""
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        quality, file = row.verdict.quality, row.candidate.file
        took = "in the store" if row.seconds is None else f"{row.seconds:.0f} s"
        told = [f"{column.title} {column.cell(quality)}" for column in of(self.task).BRIEF]
        figures = "  ".join([*told, f"{size(file):6.2f} MB"])
        if row.verdict.ms is not None:
            figures += f"  {row.verdict.ms:6.2f} {proxy.word(row.verdict.proxy)}"
        same = row.verdict.parity
        if same and row.stage != "export_onnx":
            figures += f"  {same['share']:.1%} of {same['detections']} {of(self.task).THINGS} as torch's"
        self.out.print(f"{row.stage:12} {figures}  {row.verdict.sentence}  ({took})")

    def trial(self, line: str) -> None:
        """One line per trial of a search."""
        self.out.print(f"  {line}")

    def say(self, line: str) -> None:
        """One line."""
        self.out.print(line)

    def preview(self, plan: Plan, shop: Workshop, expected: list[Expected]) -> None:
        """--dry-run."""
        if self.as_json:
            print(json.dumps({"plan": plan.name, "stages": [e.told() for e in expected], "left_out": plan.left_out}))
            return
        for line in plan.left_out:
            self.out.print(line)
        table = Table("stage", "key", "state", "expected minutes")
        for e in expected:
            table.add_row(
                e.stage,
                e.key,
                "in the store" if e.done else "to do",
                "0" if e.done else f"about {e.minutes:.1f}",
            )
        self.out.print(table)
        photos = sum(map(len, shop.data.splits.values()))
        self.out.print(f"{shop.data.name}: {photos} photos, {len(shop.data.classes)} classes; no stage was run")
        self.photos(shop)

    def end(self, final: dict[str, Any], folder: Path) -> None:
        """The table of stages, the gates, where the files are."""
        if self.as_json:
            print(json.dumps(final))
            return
        word = proxy.mixed(final, (row["runtime"] for row in final["rows"]))
        columns = of(final.get("task", "detect")).COLUMNS
        table = Table("stage", *(column.title for column in columns), "MB", f"forward {word}", f"end to end {word}", "")
        for row in final["rows"]:
            cells = [column.cell(row) for column in columns]
            speed = [f"{row['p50_ms']:.2f} {row['runtime']}", f"{row['e2e_ms']:.2f}"]
            table.add_row(row["stage"], *cells, f"{row['mb']:.2f}", *speed, "kept" if row["keep"] else "rolled back")
        self.out.print(table)
        for line in closing(final, folder):
            self.out.print(line)


def closing(final: dict[str, Any], folder: Path) -> list[str]:
    """The last lines: test figures, gates, files."""
    test, base, loss = final["metrics"]["test"], final["float"]["test"], final["loss"]
    first = of(final.get("task", "detect")).COLUMNS[0]
    points = f"{loss['points']:.2f} points lost [{loss['low']:.2f}, {loss['high']:.2f}]"
    lines = [
        f"test: {first.title} {first.cell(test)} against {first.cell(base)} in float, {points}; {proxy.score(final)}"
    ]
    return [*lines, *gates(final), f"file {final['file']}  report {folder / 'report.html'}  bundle {folder / 'bundle'}"]


def gates(final: dict[str, Any]) -> list[str]:
    """A line per gate, and one where speeds are a proxy's."""
    lines = []
    for gate in final["gates"]:
        told = f"{gate['value']:.4g} {gate['unit']} (limit {gate['limit']:g})"
        lines.append(f"gate {gate['name']}: {told}: {'passed' if gate['passed'] else 'FAILED'}")
    if final["proxy"]:
        lines.append(f"{proxy.stood(final)}; on {final['target']} such speeds are to be judged on the board")
    return lines
