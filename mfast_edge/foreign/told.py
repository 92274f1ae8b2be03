"""What a run on a graph says on the terminal: likeness where others say mAP."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from mfast_edge import proxy
from mfast_edge.metrics.weight import size
from mfast_edge.terminal import Terminal, gates

if TYPE_CHECKING:
    from export.finding import Finding
    from mfast_edge.pipeline import Row


class GraphTerminal(Terminal):
    """Raw outputs compared; nothing is said of accuracy, as nobody knows how they are decoded."""

    def pixels(self, scaled: object) -> None:
        """How photos are given to the graph."""
        self.out.print(f"  photos are given to the graph as {scaled}; --set adopt.pixels=… says otherwise")

    def found(self, findings: Iterable[Finding]) -> None:
        """What the target would refuse of the file as it came; `adopt` mends sizes, opsets and constants."""
        for one in findings:
            self.out.print(f"  doctor, of the file as it is: {one.line()}")

    def row(self, row: Row) -> None:
        """One line per stage."""
        took = "in the store" if row.seconds is None else f"{row.seconds:.0f} s"
        figures = f"{size(row.candidate.file):6.2f} MB  {row.verdict.ms or 0:6.2f} {proxy.word(row.verdict.proxy)}"
        self.out.print(f"{row.stage:12} {figures}  {row.verdict.sentence}  ({took})")

    def end(self, final: dict[str, Any], folder: Path) -> None:
        """The table of stages, the gates, where the files are."""
        if self.as_json:
            super().end(final, folder)
            return
        table = Table("stage", "cosine", "worst channel", "MB", f"forward {proxy.word(final['proxy'])}", "")
        for row in final["rows"]:
            cells = [f"{row[name]:.5f}" for name in ("cosine", "channel")]
            speed = f"{row['p50_ms']:.2f} {row['runtime']}"
            table.add_row(row["stage"], *cells, f"{row['mb']:.2f}", speed, "kept" if row["keep"] else "rolled back")
        self.out.print(table)
        for line in [
            *gates(final),
            f"file {final['file']}  report {folder / 'report.html'}  bundle {folder / 'bundle'}",
        ]:
            self.out.print(line)
