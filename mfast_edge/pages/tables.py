"""The report's tables: stages, quality, layers, speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.results import Results, Row, Summary
from mfast_edge import proxy
from mfast_edge.data.dealing import Deal
from mfast_edge.data.whole import counted
from mfast_edge.metrics.errors import KINDS
from mfast_edge.tasks.answers import confusion_rows
from mfast_edge.tasks.task import ABSENT, Column, Task, of
from mfast_edge.tasks.told import error_cells

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text; the first column holds names."""

    title: str
    head: list[str]
    rows: list[list[str]]


def stages(final: Json) -> Table:
    """A line per stage, rolled-back ones too."""
    whole, task = proxy.mixed(final, (row["runtime"] for row in final["rows"])), asked(final)
    runtimes = list(dict.fromkeys(runtime for row in final["rows"] for runtime in row["forward_ms"]))
    times = [f"{runtime} {proxy.ms(final, runtime)}" for runtime in runtimes]
    head = [
        "Stage",
        *(column.title for column in task.COLUMNS),
        "As torch's (score .01)" if task.WHOLE else "As torch's (IoU .99, score .01)",
        "MB",
        *times,
        f"End to end {whole}",
        "Made in",
        "",
    ]
    rows = [stage(row, runtimes, task.COLUMNS) for row in final["rows"]]
    return Table("Stages (quality on val)", *joined(final, head, rows))


def joined(final: Json, head: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows with what boards measured, each in columns of its own."""
    if "board" in final:
        head += [f"ms on {final['board']['label']}", "There"]
        date = final["board"].get("date")
        rows = [[*cells, *there(row, date)] for cells, row in zip(rows, final["rows"], strict=True)]
        for other in final["board"].get("others", ()):
            head.append(f"ms on {other['label']}, {other['date']}")
            taken = [(other["ms"].get(row["stage"]), since(other, row["stage"])) for row in final["rows"]]
            rows = [[*cells, share(ms, "") + when] for cells, (ms, when) in zip(rows, taken, strict=True)]
    return head, rows


def since(other: Json, stage: str) -> str:
    """When a board timed a stage, if not on the date of its column."""
    date = other.get("dates", {}).get(stage, other["date"])
    return "" if date == other["date"] else f" (of {date})"


def there(row: Json, date: str | None) -> list[str]:
    """A stage's time on the device itself, with its date if not `date`, and whether it is kept there; nothing where it
    was not measured there."""
    board = row.get("board")
    if board is None:
        return [ABSENT, ABSENT]
    kept = "kept" if board["keep"] else "rolled back"
    when = "" if board.get("date", date) == date else f", of {board['date']}"
    return [f"{board['ms']:.2f} ({board['runtime']} {board['precision']}{when})", kept]


def stage(row: Json, runtimes: list[str], columns: Sequence[Column]) -> list[str]:
    """One stage's cells."""
    made = "in the store" if row["seconds"] is None else f"{row['seconds']:.0f} s"
    quality = [column.cell(row) for column in columns]
    ms = row["forward_ms"]
    times = [f"{ms[runtime]:.2f}" if runtime in ms else ABSENT for runtime in runtimes]
    end = f"{row['e2e_ms']:.2f} ({row['runtime']})"
    same = ABSENT if row["parity"] is None else f"{row['parity']['share']:.1%} of {row['parity']['detections']}"
    kept = "kept" if row["keep"] else "rolled back"
    return [row["stage"], *quality, same, f"{row['mb']:.2f}", *times, end, made, kept]


def quality(final: Json) -> Table:
    """The float network and the final file on test, which is read once."""
    pair, task = (final["float"]["test"], final["metrics"]["test"]), asked(final)
    rows = [[column.title, *(column.cell(one) for one in pair)] for column in task.FIGURES]
    rows += [
        [f"{task.PER_CLASS} {name}", f"{value:.3f}", f"{pair[1]['per_class'][name]:.3f}"]
        for name, value in pair[0]["per_class"].items()
    ]
    return Table(f"Test: {task.many(pair[0])}", ["", "float network", "final file"], rows)


def asked(final: Json) -> Task:
    """The run's task; runs of older versions detect."""
    return of(final.get("task", "detect"))


def layers(page: Json) -> list[Table]:
    """Why each layer was decomposed or left; nothing where none was offered."""
    rows = [
        [one["path"], one["offer"] or ABSENT, share(one["ratio"], "x"), share(one["error"], ""), one["why"]]
        for one in page.get("layers", ())
    ]
    head = ["Layer", "Offered, ranks", "Its time", "Output error", "Why"]
    return [Table("Decomposition, layer by layer", head, rows)] if rows else []


def changes(page: Json) -> list[Table]:
    """What each stage did to the network, then each layer's width; nothing where nothing was changed."""
    told = [[one["stage"], one["what"], one["before"] or ABSENT, one["after"]] for one in page.get("changes", ())]
    wide = [[one["layer"], one["stage"], str(one["before"]), str(one["after"])] for one in page.get("widths", ())]
    found = [
        Table("What the stages changed", ["Stage", "What", "Before", "After"], told),
        Table("Widths, layer by layer", ["Layer", "Stage", "Channels before", "Channels after"], wide),
    ]
    return [table for table in found if table.rows]


def errors(page: Json) -> list[Table]:
    """What the final file got wrong on test, class by class; nothing where the run was not asked."""
    told = page.get("figures", {}).get("errors")
    if not told:
        return []
    head = ["Class", "Objects", "Found", *(kind.capitalize() for kind in KINDS), "Confused with"]
    rows = [[name, *error_cells(row)] for name, row in told["per_class"].items()]
    return [Table(f"Mistakes on test at score {told['confidence']:.2f} (kinds as in TIDE)", head, rows)]


def confusion(page: Json) -> list[Table]:
    """What the final file said of test photos, by true class; nothing where the run was not asked."""
    told = page.get("figures", {}).get("confusion")
    if not told:
        return []
    head, *rows = confusion_rows(told)
    return [Table("Photos of test by class and by what was said", [head[0].capitalize(), *head[1:]], rows)]


def counts(page: Json) -> list[Table]:
    """Photos of each class in each split; nothing where photos have no class of their own."""
    told = page.get("data", {}).get("counts")
    if not told:
        return []
    head, *rows = counted(told)
    return [Table("Photos of each class", [head[0].capitalize(), *head[1:]], rows)]


def folds(page: Json) -> list[Table]:
    """How the photos were dealt into train, val and test; nothing where the data brought their splits."""
    told = page.get("data", {}).get("folds", ())
    deals = [Deal(one["what"], one["roles"], one["photos"], one["strata"]) for one in told]
    return [Table(f"Folds: {deal.what}", ["", *deal.head[1:]], deal.rows) for deal in deals]


def share(value: float | None, unit: str) -> str:
    """Two digits, or that nothing was measured."""
    return ABSENT if value is None else f"{value:.2f}{unit}"


def speed(results: Results) -> Table:
    """Every stage in every runtime as one machine timed it; all-threads rows below."""
    final = {"proxy": any(row.proxy for row in results.rows)}
    own = {row.runtime for row in results.rows if not row.proxy}
    ms = proxy.mixed({**final, "own": own}, (row.runtime for row in results.rows))
    parts = ["Pre", "Decode and NMS", "End to end", "Forward and backward (torch)"]
    head = [
        "Stage",
        "Runtime",
        "Threads",
        f"Forward {ms} p50 / p90 / p99",
        "Spread",
        *(f"{part} {ms}" for part in parts),
    ]
    ordered = sorted(results.rows, key=lambda row: row.threads)
    return Table(f"Speed measured on {machine.label(dict(results.machine))}", head, [timed(row) for row in ordered])


def timed(row: Row) -> list[str]:
    """One row of results."""
    version = row.versions.get(row.runtime, "").split("-")[0]  # OpenVINO's goes on with its commit
    runtime = f"{row.runtime} {version}".strip()
    measured = row.forward or {}
    forward = " / ".join(f"{measured[q]:.2f}" for q in ("p50", "p90", "p99") if q in measured) or ABSENT
    parts = [middle(part) for part in (row.pre, row.post, row.end_to_end, row.forward_backward)]
    return [row.name.split()[-1], runtime, str(row.threads), forward, spread(measured), *parts]


def middle(summary: Summary | None) -> str:
    """The median in ms."""
    return ABSENT if summary is None else f"{summary['p50']:.2f}"


def spread(summary: Summary) -> str:
    """How far the machine wandered between rounds."""
    return f"{summary['spread']:.0%}" if "spread" in summary else ABSENT
